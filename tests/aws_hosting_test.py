#!/usr/bin/python3
"""aws_hosting_test.py -- SageMaker hosting by boto3: a model.tar.gz in a bucket becomes an endpoint that answers and
captures; the texts that SDKs look for."""
import base64
import json

from tap import Skip, case, main, until
from aws_home import error_of, failure_of
from aws_hosting import IMAGE, ROLE, Hosting, archive, booster, captured, packed, xgboost


@case
def a_model_of_xgboost_answers_as_xgboost_does(t):
    model, x = booster()
    h = Hosting(t)
    made = h.model("m", archive(model), Environment={"A": "b"})
    assert made["ModelArn"] == "arn:aws:sagemaker:us-east-1:123456789012:model/m", made
    told = h.sm.describe_model(ModelName="m")
    assert told["PrimaryContainer"]["Environment"] == {"A": "b"} and told["ExecutionRoleArn"] == ROLE, told
    h.endpoint("e", "m")
    want = model.predict(xgboost.DMatrix(x[:20]))
    for row, score in zip(x[:20], want):
        got = h.ask("e", row)
        assert got["InvokedProductionVariant"] == "AllTraffic" and got["ContentType"].startswith("text/csv"), got
        assert abs(float(got["Body"].read()) - score) < 1e-6
    got = h.ask("e", x[0], Accept="application/json")
    assert abs(json.loads(got["Body"].read())["predictions"][0]["score"] - want[0]) < 1e-6
    h.sm.delete_endpoint(EndpointName="e")
    h.sm.delete_endpoint_config(EndpointConfigName="e")
    h.sm.delete_model(ModelName="m")
    for call, name in ((h.sm.describe_endpoint, "EndpointName"), (h.sm.describe_endpoint_config, "EndpointConfigName"),
                       (h.sm.describe_model, "ModelName"), (h.sm.delete_endpoint, "EndpointName")):
        code, text, status = failure_of(call, **{name: "e" if name != "ModelName" else "m"})
        assert code == "ValidationException" and "Could not find" in text and status == 400, (code, text)


@case
def the_texts_that_clients_look_for(t):
    model, _ = booster()
    h = Hosting(t)
    h.model("m", archive(model))
    code, text, _ = failure_of(h.model, "m", archive(model))
    assert code == "ValidationException" and "Cannot create already existing model" in text, text
    h.endpoint("e", "m")
    code, text, _ = failure_of(h.config, "e", "m")
    assert code == "ValidationException" and "Cannot create already existing endpoint configuration" in text, text
    code, text, _ = failure_of(h.sm.create_endpoint, EndpointName="e", EndpointConfigName="e")
    assert code == "ValidationException" and "Cannot create already existing endpoint" in text, text
    code, text, _ = failure_of(h.config, "other", "nothing")
    assert code == "ValidationException" and "Could not find model" in text, text
    code, text, _ = failure_of(h.sm.create_endpoint, EndpointName="f", EndpointConfigName="nothing")
    assert code == "ValidationException" and "Could not find endpoint configuration" in text, text
    code, text, _ = failure_of(h.sm.update_endpoint, EndpointName="f", EndpointConfigName="e")
    assert code == "ValidationException" and "Could not find endpoint" in text, text
    code, text, _ = failure_of(h.sm.create_model, ModelName="gone", ExecutionRoleArn=ROLE, PrimaryContainer=dict(
        Image=IMAGE, ModelDataUrl="s3://models/nowhere/model.tar.gz"))
    assert code == "ValidationException" and "Could not find model data" in text, text
    for name in ("-x", "a_b", "../x", "x" * 64):
        assert error_of(h.sm.create_model, ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=dict(
            Image=IMAGE)) == "ValidationException", name
    wrong = h.aws.client("sagemaker", parameter_validation=False)
    assert error_of(wrong.create_model, ModelName="x") == "ValidationException"
    for members in ({"ExecutionRoleArn": []}, {"ModelName": 5}, {"PrimaryContainer": "image"}, {"PrimaryContainer": {"Image": {}}},
                    {"Tags": {"Key": "k"}}, {"PrimaryContainer": {"Image": IMAGE, "Environment": ["a"]}}):
        asked = {"ModelName": "x", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}, **members}
        status, _, answer = h.aws.raw("POST", "/", json.dumps(asked).encode(), {"X-Amz-Target": "SageMaker.CreateModel"}, service="sagemaker")
        assert status == 400 and json.loads(answer)["__type"] == "SerializationException" and b"expected" in answer, (members, answer)
    assert error_of(h.sm.describe_model, ModelName="x") == "ValidationException"  # none of them left one
    h.model("own", archive(model), Environment={"MY_Config": "x", "InstanceCount": "2", "myName": "5"})
    assert error_of(h.aws.client("sagemaker", secret="wrong").list_endpoints) == "InvalidSignatureException"
    code, text, status = failure_of(h.ask, "nobody", [1])
    assert (code, status) == ("ValidationError", 400), (code, status)
    assert text == "Endpoint nobody of account 123456789012 not found.", text
    for name in ("a/b", "../x", "x" * 64, "é", "e?x=1", "."):
        code, text, status = failure_of(h.ask, name, [1])
        assert (code, status) == ("ValidationError", 400) and "endpointName" in text, (name, code, text, status)
    code, text, status = failure_of(h.runtime.invoke_endpoint_async, EndpointName="e", InputLocation="s3://models/x")
    assert (code, status) == ("NotImplemented", 501) and "InvokeEndpointAsync" in text, (code, text, status)
    status, _, answer = h.aws.raw("POST", "/endpoints/e/invocations-response-stream", b"1", service="sagemaker")
    assert status == 501 and b"ResponseStream" in answer, answer


@case
def what_a_model_refuses_is_a_model_error(t):
    model, x = booster()
    h = Hosting(t)
    h.model("m", archive(model))
    h.endpoint("e", "m")
    import botocore.exceptions
    try:
        h.ask("e", ["x", "y"])
        raise AssertionError("letters were taken for numbers")
    except botocore.exceptions.ClientError as e:
        r = e.response
    assert r["Error"]["Code"] == "ModelError" and r["ResponseMetadata"]["HTTPStatusCode"] == 424, r
    assert r["OriginalStatusCode"] == 400 and "row 1" in r["OriginalMessage"], r
    assert "/aws/sagemaker/Endpoints/e" in r["LogStreamArn"] and "client error (400)" in r["Error"]["Message"], r
    assert error_of(h.ask, "e", x[0], ContentType="image/png") == "ModelError"
    code, text, _ = failure_of(h.ask, "e", x[0], TargetVariant="blue")
    assert code == "ValidationError" and "blue" in text, text
    big = b"0.5," * (6 * 1024 * 1024 // 4)
    status, _, body = h.aws.raw("POST", "/endpoints/e/invocations", big + b"1", {"Content-Type": "text/csv"},
                                service="sagemaker")
    assert status == 413 and json.loads(body)["message"], (status, body[:200])
    code, text, status = failure_of(h.runtime.invoke_endpoint, EndpointName="e", Body=big + b"1", ContentType="text/csv")
    assert status == 413 and code == "RequestEntityTooLargeException", (status, code, text)
    try:
        h.ask("e", x[0], Accept="image/png")
        raise AssertionError("a picture was promised")
    except botocore.exceptions.ClientError as e:
        assert e.response["OriginalStatusCode"] == 406, e.response
    answer = h.runtime.invoke_endpoint(EndpointName="e", Body="0.5,0.5,0.5,0.5,0.5", ContentType="text/csv", CustomAttributes="trace=7")
    assert answer["CustomAttributes"] == "trace=7", answer
    assert error_of(h.runtime.invoke_endpoint, EndpointName="e", Body=big, ContentType="text/csv") == "ModelError"
    assert h.ask("e", x[0])["Body"].read()


@case
def an_empty_request_is_the_models_business(t):
    """XGBoost's container answers nothing with nothing (204); a network's says what it misses, as ModelError."""
    try:
        import numpy
        import onnx.numpy_helper
    except ImportError:
        raise Skip("python3-onnx is not installed")
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([onnx.helper.make_node("Gemm", ["x", "w"], ["y"])], "g",
                                   [tensor("x", onnx.TensorProto.FLOAT, ["n", 2])], [tensor("y", onnx.TensorProto.FLOAT, ["n", 1])],
                                   [onnx.numpy_helper.from_array(numpy.ones((2, 1), "float32"), "w")])
    network = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    h = Hosting(t)
    h.model("trees", archive(booster()[0]))
    h.model("network", packed({"model.onnx": network.SerializeToString()}))
    h.endpoint("trees", "trees")
    h.endpoint("network", "network")
    answer = h.runtime.invoke_endpoint(EndpointName="trees", Body=b"", ContentType="text/csv")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204 and answer["Body"].read() == b"", answer
    answer = h.runtime.invoke_endpoint(EndpointName="network", Body=b"[[1, 2]]", ContentType="application/json")
    assert b"3" in answer["Body"].read()
    code, text, status = failure_of(h.runtime.invoke_endpoint, EndpointName="network", Body=b"", ContentType="application/json")
    assert (code, status) == ("ModelError", 424) and "client error (400)" in text and "empty body" in text, (code, text, status)
    for body in (b"[[NaN,0.5,0.5,0.5,0.5]]", b"[[Infinity,0.5,0.5,0.5,0.5]]", b"[[true,0.5,0.5,0.5,0.5]]", b"{}", b"[[]]", b"nothing"):
        code, text, _ = failure_of(h.runtime.invoke_endpoint, EndpointName="trees", Body=body, ContentType="application/json")
        assert code == "ModelError" and "client error (400)" in text, (body, text)


@case
def requests_are_captured_where_the_configuration_says(t):
    model, x = booster()
    h = Hosting(t)
    h.s3.create_bucket(Bucket="caught")
    h.model("m", archive(model))
    capture = dict(EnableCapture=True, InitialSamplingPercentage=100, DestinationS3Uri="s3://caught/data/",
                   CaptureOptions=[dict(CaptureMode="Input"), dict(CaptureMode="Output")],
                   CaptureContentTypeHeader=dict(CsvContentTypes=["text/csv"]))
    h.endpoint("e", "m", variant="blue", DataCaptureConfig=capture)
    assert h.sm.describe_endpoint_config(EndpointConfigName="e")["DataCaptureConfig"] == capture
    h.sm.delete_endpoint_config(EndpointConfigName="e")
    told = h.sm.describe_endpoint(EndpointName="e")
    assert told["DataCaptureConfig"] == dict(EnableCapture=True, CaptureStatus="Started", CurrentSamplingPercentage=100,
                                             DestinationS3Uri="s3://caught/data/", KmsKeyId=""), told
    assert told["ProductionVariants"][0]["VariantName"] == "blue" and told["EndpointConfigName"] == "e", told
    for row in x[:3]:
        h.ask("e", row, InferenceId="id-1", CustomAttributes="trace=7")
    h.ask("e", x[0], Accept="application/json")
    lines = until(lambda: len(captured(h, "data/e/blue/")) == 4 and captured(h, "data/e/blue/"), what="four lines")
    key, first = lines[0]
    assert key.endswith(".jsonl") and len(key.split("/")) == 8, key
    data = first["captureData"]
    assert data["endpointInput"]["data"] == ",".join(map(str, x[0])) and data["endpointInput"]["encoding"] == "CSV", data
    assert first["eventMetadata"]["inferenceId"] == "id-1", first
    assert first["eventMetadata"]["customAttributes"] == ["trace=7"], first
    last = lines[3][1]["captureData"]["endpointOutput"]  # JSON is none of the types that were named
    assert last["encoding"] == "BASE64" and b"predictions" in base64.b64decode(last["data"]), last
    # only outputs, from the next version on; no request is lost meanwhile
    capture.update(CaptureOptions=[dict(CaptureMode="Output")], DestinationS3Uri="s3://caught/more")
    h.config("f", "m", DataCaptureConfig=capture)
    h.sm.update_endpoint(EndpointName="e", EndpointConfigName="f")
    until(lambda: h.ask("e", x[0])["InvokedProductionVariant"] == "AllTraffic", what="the new version")
    assert h.settled("e") == "InService"
    told = h.sm.describe_endpoint(EndpointName="e")
    assert told["EndpointConfigName"] == "f" and told["DataCaptureConfig"]["DestinationS3Uri"] == "s3://caught/more", told
    lines = until(lambda: captured(h, "more/e/AllTraffic/"), what="a line")
    assert set(lines[0][1]["captureData"]) == {"endpointOutput"}, lines[0]


@case
def an_endpoint_that_cannot_serve_fails_in_words(t):
    model, x = booster()
    other, _ = booster(1, 0.9)
    h = Hosting(t)
    h.model("good", archive(model))
    h.model("broken", archive(model)[:100])
    h.model("torch", archive(model, "model.pth"), image="763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:1.8")
    h.model("own", archive(model), Environment={"SAGEMAKER_PROGRAM": "inference.py"})
    for name, word in (("broken", "'s3://models/broken/output/model.tar.gz'"), ("torch", ""), ("own", "inference.py")):
        h.config(name, name)
        h.sm.create_endpoint(EndpointName=name, EndpointConfigName=name)
        told = h.sm.describe_endpoint(EndpointName=name)
        assert told["EndpointStatus"] == "Failed" and word in told["FailureReason"], told
        assert t.path not in told["FailureReason"], told
        assert error_of(h.ask, name, x[0]) == "ValidationError"
    h.endpoint("e", "good")
    before = h.ask("e", x[0])["Body"].read()
    h.sm.update_endpoint(EndpointName="e", EndpointConfigName="broken")
    told = h.sm.describe_endpoint(EndpointName="e")
    assert told["EndpointStatus"] == "InService" and told["EndpointConfigName"] == "e" and told["FailureReason"], told
    assert h.ask("e", x[0])["Body"].read() == before
    h.model("better", archive(other))
    h.config("better", "better")
    h.sm.update_endpoint(EndpointName="e", EndpointConfigName="better")
    want = float(other.predict(xgboost.DMatrix(x[:1]))[0])
    until(lambda: abs(float(h.ask("e", x[0])["Body"].read()) - want) < 1e-6, what="the other model")
    names = {e["EndpointName"]: e["EndpointStatus"] for e in h.sm.list_endpoints()["Endpoints"]}
    assert names == {"broken": "Failed", "torch": "Failed", "own": "Failed", "e": "InService"}, names
    page = h.sm.list_endpoints(MaxResults=2, SortBy="Name", SortOrder="Ascending")
    assert [e["EndpointName"] for e in page["Endpoints"]] == ["broken", "e"], page
    rest = h.sm.list_endpoints(MaxResults=2, SortBy="Name", SortOrder="Ascending", NextToken=page["NextToken"])
    assert [e["EndpointName"] for e in rest["Endpoints"]] == ["own", "torch"] and "NextToken" not in rest, rest
    assert len(h.sm.list_endpoints(StatusEquals="Failed")["Endpoints"]) == 3
    h.sm.delete_endpoint(EndpointName="broken")
    assert error_of(h.sm.describe_endpoint, EndpointName="broken") == "ValidationException"


@case
def tags_stay_with_their_resource(t):
    h = Hosting(t)
    arn = h.sm.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=dict(Image=IMAGE), Tags=[
        dict(Key="team", Value="a"), dict(Key="cost", Value="b")])["ModelArn"]
    h.sm.add_tags(ResourceArn=arn, Tags=[dict(Key="team", Value="c")])
    tags = {x["Key"]: x["Value"] for x in h.sm.list_tags(ResourceArn=arn)["Tags"]}
    assert tags == {"team": "c", "cost": "b"}, tags
    assert [m["ModelName"] for m in h.sm.list_models()["Models"]] == ["m"]
    h.sm.delete_model(ModelName="m")
    assert h.sm.list_tags(ResourceArn=arn)["Tags"] == []


@case
def a_model_that_a_training_job_left_is_served(t):
    _, x = booster()
    h = Hosting(t)
    h.s3.put_object(Bucket="models", Key="data/train.csv", Body="".join(
        f"{int(r[0] + r[1] > 1)},{','.join(map(str, r))}\n" for r in x).encode())
    h.sm.create_training_job(
        TrainingJobName="left", RoleArn=ROLE, AlgorithmSpecification=dict(TrainingImage=IMAGE, TrainingInputMode="File"),
        HyperParameters=dict(num_round="5", objective="binary:logistic"), InputDataConfig=[dict(
            ChannelName="train", ContentType="text/csv", DataSource=dict(S3DataSource=dict(
                S3DataType="S3Prefix", S3Uri="s3://models/data/", S3DataDistributionType="FullyReplicated")))],
        OutputDataConfig=dict(S3OutputPath="s3://models/out"), StoppingCondition=dict(MaxRuntimeInSeconds=600),
        ResourceConfig=dict(InstanceCount=1, InstanceType="ml.m5.large", VolumeSizeInGB=1))
    told = until(lambda: [d for d in [h.sm.describe_training_job(TrainingJobName="left")]
                          if d["TrainingJobStatus"] != "InProgress"], what="the job's end")[0]
    assert told["TrainingJobStatus"] == "Completed", told
    h.sm.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=dict(
        Image=IMAGE, ModelDataUrl=told["ModelArtifacts"]["S3ModelArtifacts"]))
    h.endpoint("e", "m")
    scores = [float(h.ask("e", row)["Body"].read()) for row in x[:20]]
    right = sum((s > 0.5) == (row[0] + row[1] > 1) for s, row in zip(scores, x))
    assert right >= 17, scores
    line = t.run("lineage", "endpoint:e@1").stdout
    assert "job:left" in line, line


main()
