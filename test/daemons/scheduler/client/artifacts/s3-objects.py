"""An S3 server (moto) that gives an object for a signed URL only; botocore, Amazon's own library, says whether it is signed.

Prints its endpoint, a key and a URL that botocore signed as JSON, and ends when its input does."""

import json
import sys
import threading
from urllib.parse import parse_qsl, urlsplit

import boto3
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

KEY = {"aws_access_key_id": "AKIDTEST", "aws_secret_access_key": "sEc/ret+1"}
REGION = "eu-central-1"
moto = DomainDispatcherApplication(create_backend_app)


def is_signed(environ):
    """Signs the same request again, as of the time it says, and compares."""
    url = urlsplit(f"http://{environ['HTTP_HOST']}{environ['REQUEST_URI']}")
    given = dict(parse_qsl(url.query))
    parts = [part for part in url.query.split("&") if not part.startswith("X-Amz-Signature=")]
    again = AWSRequest(method="GET", url=url._replace(query="&".join(parts)).geturl())
    again.headers["host"] = environ["HTTP_HOST"]
    again.context["timestamp"] = given.get("X-Amz-Date", "")
    signer = S3SigV4QueryAuth(Credentials(*KEY.values()), "s3", REGION)
    text = signer.string_to_sign(again, signer.canonical_request(again))
    return signer.signature(text, again) == given.get("X-Amz-Signature")


def application(environ, respond):
    if environ["REQUEST_METHOD"] == "GET" and not is_signed(environ):
        respond("403 Forbidden", [("content-type", "text/plain")])
        return [b"SignatureDoesNotMatch"]
    return moto(environ, respond)


server = make_server("127.0.0.1", 0, application, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = f"http://127.0.0.1:{server.port}"
store = boto3.client("s3", endpoint_url=endpoint, region_name=REGION, config=Config(signature_version="s3v4"), **KEY)
thing = {"Bucket": "things", "Key": "tools/the tool+1.txt"}
store.create_bucket(Bucket="things", CreateBucketConfiguration={"LocationConstraint": REGION})
store.put_object(Body=b"from the store", **thing)
signed = store.generate_presigned_url("get_object", Params=thing, ExpiresIn=600)
said = {"endpoint": endpoint, "region": REGION, "id": KEY["aws_access_key_id"], "secret": KEY["aws_secret_access_key"]}
print(json.dumps({**said, "signed": signed}), flush=True)
sys.stdin.read()
