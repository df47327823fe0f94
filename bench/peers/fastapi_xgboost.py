"""fastapi_xgboost.py -- what people serve a boosted-tree model with today: FastAPI on uvicorn, the model in python3-xgboost.

    /usr/bin/python3 bench/peers/fastapi_xgboost.py MODEL PORT

One worker, as one of our serving threads. inplace_predict is xgboost's fast path for one row; plain text in and out.
"""
import sys

import numpy
import uvicorn
import xgboost
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

booster = xgboost.Booster(model_file=sys.argv[1])
booster.set_param({"nthread": 1})
app = FastAPI()


@app.post("/invocations")
async def invocations(request: Request):
    body = await request.body()
    row = numpy.array([float(v) for v in body.split(b",")], dtype=numpy.float32).reshape(1, -1)
    return PlainTextResponse(repr(float(booster.inplace_predict(row)[0])))


@app.get("/ping")
async def ping():
    return PlainTextResponse("")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
