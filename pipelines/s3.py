"""Objects in S3 and its like: written once and whole with boto3, read by ranges with Arrow.

Endpoint, region and credentials are found the usual way: the AWS_* variables and ~/.aws, for both libraries alike.
An object appears when its upload is complete, so a cut connection leaves nothing that a reader could take for data.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from schemas.errors import BadInput, WorkFailed

SCHEME = "s3://"
ENDPOINT = "AWS_ENDPOINT_URL_S3"  # the variable that every AWS library reads; --s3-endpoint sets it

_BUFFER = 4 << 20  # bytes of a range that is read ahead: fewer requests than pages of a tar, less than a WARC
_WHOLE = 64 << 20  # an object up to here goes up in one request, and as parts above
_AT_ONCE = 1000  # keys that one request may delete


def use(endpoint: str) -> None:
    """Let this process, and those that it starts, talk to another server than Amazon's.

    Raises BadInput for what is no http:// or https:// URL.
    """
    os.environ[ENDPOINT] = _checked(endpoint, "--s3-endpoint")


def _checked(endpoint: str, named: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"{named} {endpoint}: give a URL, as in https://objects.example.cn:9000")
    return endpoint


def open_read(path: str) -> BinaryIO:
    """Open an object for reading bytes, seekable, a few MB at a time. Raises FileNotFoundError, WorkFailed."""
    with _faults(path):
        file = _arrow(_endpoint()).open_input_file(path.removeprefix(SCHEME))
    return io.BufferedReader(file, _BUFFER)


def open_end(path: str, length: int) -> BinaryIO:
    """Open an object of which the end is wanted first, as a Parquet file is read: one request brings the last bytes.

    What stands before those `length` bytes is read as `open_read` does. Raises FileNotFoundError, WorkFailed.
    """
    bucket, key = _split(path)
    try:
        with _faults(path):
            answer = _client(_endpoint()).get_object(Bucket=bucket, Key=key, Range=f"bytes=-{length}")
            data = answer["Body"].read()
    except OSError as error:
        if error.errno != errno.ERANGE:
            raise
        return io.BytesIO()  # Amazon's answer where there is not one byte
    whole = int(answer.get("ContentRange", f"/{len(data)}").rpartition("/")[2])
    return io.BytesIO(data) if whole == len(data) else io.BufferedReader(_End(path, whole, data), _BUFFER)


class _End(io.RawIOBase):
    """An object whose last bytes are here already."""

    def __init__(self, path: str, size: int, end: bytes) -> None:
        self._path, self._size, self._end, self._place = path, size, end, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def readinto(self, buffer: Any) -> int:
        before = self._size - len(self._end)
        if self._place >= before:
            data = self._end[self._place - before :][: len(buffer)]
        else:
            data = read_range(self._path, self._place, min(len(buffer), before - self._place))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


def read_range(path: str, offset: int, length: int) -> bytes:
    """A part of an object, by one request. Raises OSError where it ends before, FileNotFoundError, WorkFailed."""
    bucket, key = _split(path)
    with _faults(path):
        answer = _client(_endpoint()).get_object(Bucket=bucket, Key=key, Range=f"bytes={offset}-{offset + length - 1}")
        return bytes(answer["Body"].read())


def size(path: str) -> int | None:
    """The length of an object in bytes; None where there is none."""
    bucket, key = _split(path)
    try:
        with _faults(path):
            return int(_client(_endpoint()).head_object(Bucket=bucket, Key=key)["ContentLength"])
    except FileNotFoundError:
        return None


def get(path: str, file: BinaryIO) -> str:
    """Write a whole object to a file; its ETag, which is that of these very bytes. Raises FileNotFoundError."""
    bucket, key = _split(path)
    with _faults(path):
        answer = _client(_endpoint()).get_object(Bucket=bucket, Key=key)
        for block in answer["Body"].iter_chunks(_BUFFER):
            file.write(block)
    return str(answer["ETag"])


def etag(path: str) -> str:
    """The ETag of an object, which another one of this name would not have; '' where there is none."""
    bucket, key = _split(path)
    try:
        with _faults(path):
            return str(_client(_endpoint()).head_object(Bucket=bucket, Key=key)["ETag"])
    except FileNotFoundError:
        return ""


def copy(source: str, target: str) -> None:
    """Let the store copy an object of at most 5 GiB to another name. Raises FileNotFoundError, WorkFailed."""
    (bucket, key), (to, name) = _split(source), _split(target)
    with _faults(source):
        _client(_endpoint()).copy_object(Bucket=to, Key=name, CopySource={"Bucket": bucket, "Key": key})


def put(path: str, file: BinaryIO, *, new: bool = False, match: str = "") -> None:
    """Upload a file from its start under a name; as `new`, only where there is no such object yet.

    With `match`, only where the object has this ETag. Raises FileExistsError for another that is there already,
    FileNotFoundError where one should be, WorkFailed where the store refuses.
    """
    bucket, key = _split(path)
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    with _faults(path):
        if new or match or length <= _WHOLE:
            once = {"IfNoneMatch": "*"} if new else {"IfMatch": match} if match else {}
            _client(_endpoint()).put_object(Bucket=bucket, Key=key, Body=file, ContentLength=length, **once)
        else:
            _client(_endpoint()).upload_fileobj(file, bucket, key)


def below(prefix: str) -> Iterator[tuple[str, int]]:
    """Every object whose path begins so, with its length in bytes, in order of the keys."""
    bucket, start = _split(prefix)
    with _faults(prefix):
        for page in _client(_endpoint()).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start):
            for found in page.get("Contents", ()):
                yield f"{SCHEME}{bucket}/{found['Key']}", int(found["Size"])


def beside(folder: str) -> Iterator[str]:
    """The names of the objects right in a folder (a path that ends in a slash), not in those below it."""
    bucket, start = _split(folder)
    pages = _client(_endpoint()).get_paginator("list_objects_v2")
    with _faults(folder):
        for page in pages.paginate(Bucket=bucket, Prefix=start, Delimiter="/"):
            for found in page.get("Contents", ()):
                yield found["Key"].removeprefix(start)


def delete(paths: Sequence[str]) -> None:
    """Delete objects; those that are gone already do not matter. Raises WorkFailed where the store refuses one."""
    keys: dict[str, list[str]] = {}
    for path in paths:
        bucket, key = _split(path)
        keys.setdefault(bucket, []).append(key)
    for bucket, all_of in keys.items():
        for start in range(0, len(all_of), _AT_ONCE):
            some = {"Objects": [{"Key": key} for key in all_of[start : start + _AT_ONCE]], "Quiet": True}
            with _faults(f"{SCHEME}{bucket}"):
                failed = _client(_endpoint()).delete_objects(Bucket=bucket, Delete=some).get("Errors", ())
            for one in failed:
                raise WorkFailed(f"{SCHEME}{bucket}/{one.get('Key')}: not deleted: {one.get('Message')}; {_WAY}")


def _split(path: str) -> tuple[str, str]:
    bucket, _, key = path.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise BadInput(f"{path}: names no bucket; write s3://BUCKET/FOLDER")
    return bucket, key


def _endpoint() -> str:
    """The server to talk to, from the variables or the profile of ~/.aws; '' for Amazon's own."""
    for name in (ENDPOINT, "AWS_ENDPOINT_URL"):
        if named := os.environ.get(name):
            return _checked(named, name)
    return _profiled(os.environ.get("AWS_PROFILE"), os.environ.get("AWS_CONFIG_FILE"))


@lru_cache(maxsize=4)
def _profiled(_profile: str | None, _file: str | None) -> str:
    """The endpoint that ~/.aws/config, or the file and profile that the variables name, has for this process."""
    from botocore.session import Session

    return str(Session().get_scoped_config().get("endpoint_url", ""))


@lru_cache(maxsize=4)
def _client(endpoint: str) -> Any:
    """The boto3 client of this process: making one takes 50 ms, and a connection is kept for the next request."""
    import boto3
    from botocore.config import Config

    # `standard` repeats what a store or a network refuses for a passing reason, with back-off; five times in all.
    settings = Config(retries={"mode": "standard", "total_max_attempts": 5}, max_pool_connections=32)
    session = boto3.session.Session()
    region = session.region_name or ("us-east-1" if endpoint else None)
    return session.client("s3", endpoint_url=endpoint or None, region_name=region, config=settings)


@lru_cache(maxsize=4)
def _arrow(endpoint: str) -> Any:
    """Arrow's view of the same store."""
    import boto3
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    session = boto3.session.Session()
    parts = urlsplit(endpoint)
    where: dict[str, Any] = {"scheme": parts.scheme, "endpoint_override": parts.netloc} if endpoint else {}
    region = session.region_name or ("us-east-1" if endpoint else None)
    return S3FileSystem(region=region, retry_strategy=AwsStandardS3RetryStrategy(max_attempts=5), **where)


@contextmanager
def _faults(path: str) -> Iterator[None]:
    """Turn what boto3 and Arrow raise into the exceptions that a local file has, and ours for what no file has."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        said = error.response.get("Error", {})
        if said.get("Code") == "NoSuchBucket":
            raise BadInput(f"{path}: there is no such bucket; make it first, or see the endpoint") from error
        if said.get("Code") in ("NoSuchKey", "NotFound", "404"):  # another 404 speaks of the bucket, or of who asks
            raise FileNotFoundError(errno.ENOENT, "no such object", path) from error
        if status == 416:
            raise OSError(errno.ERANGE, "it is shorter", path) from error
        if status == 412 or said.get("Code") == "ConditionalRequestConflict":
            raise FileExistsError(errno.EEXIST, "is there already", path) from error
        raise WorkFailed(f"{path}: the object store says {said.get('Code')}: {said.get('Message')}; {_WAY}") from error
    except NoCredentialsError as error:
        raise BadInput(f"{path}: no credentials; {_WAY}") from error
    except BotoCoreError as error:
        raise WorkFailed(f"{path}: {' '.join(str(error).split())}; {_WAY}") from error
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "no such object", path) from None
    except OSError as error:
        raise WorkFailed(f"{path}: {' '.join(str(error).split())}; {_WAY}") from error


_WAY = "see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL_S3 or ~/.aws"
