"""A gRPC server and its client with Google's own library, without generated code: messages are bytes.

greeter.py serve             prints its port, serves until its input ends
greeter.py ask TARGET [CA]   one call of each kind through TARGET; over TLS where CA is a file. JSON on its output
"""

import json
import sys
from concurrent import futures

import grpc


def sleepless(request, context):
    context.send_initial_metadata((("x-first", "yes"),))
    context.set_trailing_metadata((("x-last", "yes"),))
    return b"hello " + request


def stream(request, context):
    for number in range(int(request)):
        yield str(number).encode()


def echo(requests, context):
    for request in requests:
        yield request.upper()


def total(requests, context):
    return str(sum(len(request) for request in requests)).encode()


def refuse(request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now, 100 %")


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(sleepless),
    "Stream": grpc.unary_stream_rpc_method_handler(stream),
    "Echo": grpc.stream_stream_rpc_method_handler(echo),
    "Total": grpc.stream_unary_rpc_method_handler(total),
    "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
}


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("lares.Greeter", HANDLERS),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(0).wait()


def ask(target, authority, ca=None):
    options = (("grpc.default_authority", authority), ("grpc.ssl_target_name_override", authority))
    if ca is None:
        channel = grpc.insecure_channel(target, options)
    else:
        with open(ca, "rb") as file:
            channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(file.read()), options)
    with channel:
        path = "/lares.Greeter/"
        said, call = channel.unary_unary(path + "Unary").with_call(b"you", timeout=20)
        found = {
            "unary": said.decode(),
            "first": dict(call.initial_metadata()).get("x-first"),
            "last": dict(call.trailing_metadata()).get("x-last"),
            "stream": len(list(channel.unary_stream(path + "Stream")(b"500", timeout=20))),
            "echo": [each.decode() for each in channel.stream_stream(path + "Echo")(iter([b"a", b"b", b"c"]), timeout=20)],
            "total": channel.stream_unary(path + "Total")(iter([b"x" * 100_000] * 20), timeout=20).decode(),
        }
        try:
            channel.unary_unary(path + "Refuse")(b"", timeout=20)
        except grpc.RpcError as error:
            found["refused"] = [error.code().name, error.details()]
        print(json.dumps(found))


if sys.argv[1] == "serve":
    serve()
else:
    ask(*sys.argv[2:])
