# SPDX-License-Identifier: MIT
"""The Essential of the original that the function is named after, deployed as its documents say."""
import importlib
import os

from sosw.app import LambdaGlobals, get_lambda_handler

name = os.environ["AWS_LAMBDA_FUNCTION_NAME"].removeprefix("sosw_")
module = importlib.import_module(f"sosw.{name}")
processor = getattr(module, "".join(word.capitalize() for word in name.split("_")))
lambda_handler = get_lambda_handler(processor, LambdaGlobals())
