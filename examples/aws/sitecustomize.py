"""sitecustomize.py -- unchanged AWS code talks to Fettle.

Python imports a module of this name by itself when its folder is on PYTHONPATH. Every client that boto3 or
the AWS CLI then makes gets AWS_ENDPOINT_URL as its endpoint, also with versions that do not know that variable
(boto3 before 1.28, AWS CLI before 2.13) and where code names an amazonaws.com endpoint itself. An endpoint that
is not Amazon's is left alone.

    eval "$(fettle aws env)"
    PYTHONPATH=examples/aws python3 program.py
"""
import importlib.abc
import importlib.util
import inspect
import os
import sys

URL = os.environ.get("AWS_ENDPOINT_URL")


def force(session):
    make = session.create_client
    signature = inspect.signature(make)

    def create_client(*args, **kwargs):
        call = signature.bind(*args, **kwargs)
        wanted = call.arguments.get("endpoint_url")
        if not wanted or ".amazonaws.com" in wanted:
            call.arguments["endpoint_url"] = URL
        return make(*call.args, **call.kwargs)

    session.create_client = create_client


class Catch(importlib.abc.MetaPathFinder):
    """Changes the class when its module is first imported, so that programs without AWS lose no time."""

    names = {"botocore.session", "awscli.botocore.session"}

    def find_spec(self, name, path, target=None):
        if name not in self.names:
            return None
        self.names.discard(name)  # the search below comes by here again
        spec = importlib.util.find_spec(name)
        if spec is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            force(module.Session)

        spec.loader.exec_module = exec_module
        return spec


if URL:
    sys.meta_path.insert(0, Catch())
