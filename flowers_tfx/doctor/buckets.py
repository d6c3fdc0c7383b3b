"""The buckets that a configuration names: credentials, without showing a secret, and whether they can be read and written."""

from __future__ import annotations

import os
from collections.abc import Mapping

from flowers_tfx.doctor.check_result import CheckResult, fail, ok, worst

_NONE = "The configuration names no bucket."
_S3_ADVICE = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile or a role."
_GS_ADVICE = "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a key file."


def bucket_locations(locations: Mapping[str, str]) -> dict[str, str]:
    """Those of these configuration values that lie in buckets."""
    return {key: value for key, value in locations.items() if "://" in value}


def check_credentials(locations: Mapping[str, str]) -> CheckResult:
    schemes = {value.partition("://")[0] for value in locations.values()}
    results = [_s3_credentials()] if schemes & {"s3", "minio"} else []
    results += [_gs_credentials()] if "gs" in schemes else []
    return worst(results or [ok(_NONE)])


def _s3_credentials() -> CheckResult:
    import boto3
    from botocore.exceptions import BotoCoreError

    from flowers_tfx.storage.s3_endpoint import endpoint_url

    try:
        credentials = boto3.session.Session().get_credentials()
    except BotoCoreError as error:
        return fail(f"Credentials for s3:// cannot be read: {error}.", _S3_ADVICE)
    if credentials is None:
        return fail("There are no credentials for s3://.", _S3_ADVICE)
    return ok(f"Credentials for s3:// come from {credentials.method}; the store is {endpoint_url() or 'Amazon S3'}.")


def _gs_credentials() -> CheckResult:
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        return ok("gs:// is an emulator, which takes no credentials.")
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        credentials, _ = google.auth.default()
    except DefaultCredentialsError:
        return fail("There are no credentials for gs://.", _GS_ADVICE)
    return ok(f"Credentials for gs:// are there ({type(credentials).__module__.removeprefix('google.')}).")


def check_buckets(locations: Mapping[str, str]) -> CheckResult:
    """Writes, reads, lists and deletes a probe in each."""
    return worst([_bucket(key, uri) for key, uri in locations.items()] or [ok(_NONE)])


def _bucket(key: str, uri: str) -> CheckResult:
    from flowers_tfx.errors import InputError
    from flowers_tfx.storage import BucketPath, check_bucket, storage_path

    try:
        folder = storage_path(uri)
        if isinstance(folder, BucketPath):
            check_bucket(folder)
    except InputError as error:
        return fail(f"{key}: {error.message}", error.hint)
    return ok(f"{uri} ({key}) can be read and written.")
