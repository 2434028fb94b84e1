// SPDX-License-Identifier: MIT
// The table of operations of the REST services, from their API references.
#include <algorithm>

#include "aws/rest.h"

namespace sosw::aws {

std::span<const RestOperation> rest_operations() {
  // clang-format off
  static constexpr RestOperation kOperations[] = {
      {"lambda", "Invoke", "POST", "/2015-03-31/functions/{FunctionName}/invocations",
       "InvocationType:X-Amz-Invocation-Type LogType:X-Amz-Log-Type ClientContext:X-Amz-Client-Context"
       " DurableExecutionName:X-Amz-Durable-Execution-Name Payload= Qualifier?Qualifier TenantId:X-Amz-Tenant-Id",
       "StatusCode# FunctionError:X-Amz-Function-Error LogResult:X-Amz-Log-Result Payload="
       " ExecutedVersion:X-Amz-Executed-Version DurableExecutionArn:X-Amz-Durable-Execution-Arn"},
      {"lambda", "GetFunction", "GET", "/2015-03-31/functions/{FunctionName}", "Qualifier?Qualifier", ""},
      {"lambda", "GetFunctionConfiguration", "GET", "/2015-03-31/functions/{FunctionName}/configuration",
       "Qualifier?Qualifier", ""},
      {"lambda", "ListFunctions", "GET", "/2015-03-31/functions",
       "MasterRegion?MasterRegion FunctionVersion?FunctionVersion Marker?Marker MaxItems?MaxItems", ""},
      {"lambda", "CreateFunction", "POST", "/2015-03-31/functions", "", ""},
      {"lambda", "UpdateFunctionCode", "PUT", "/2015-03-31/functions/{FunctionName}/code", "", ""},
      {"lambda", "UpdateFunctionConfiguration", "PUT", "/2015-03-31/functions/{FunctionName}/configuration", "", ""},
      {"lambda", "DeleteFunction", "DELETE", "/2015-03-31/functions/{FunctionName}",
       "Qualifier?Qualifier", "StatusCode#"},
      {"lambda", "PublishVersion", "POST", "/2015-03-31/functions/{FunctionName}/versions", "", ""},
      {"lambda", "ListVersionsByFunction", "GET", "/2015-03-31/functions/{FunctionName}/versions",
       "Marker?Marker MaxItems?MaxItems", ""},
      {"lambda", "CreateAlias", "POST", "/2015-03-31/functions/{FunctionName}/aliases", "", ""},
      {"lambda", "UpdateAlias", "PUT", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "", ""},
      {"lambda", "GetAlias", "GET", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "", ""},
      {"lambda", "DeleteAlias", "DELETE", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "", ""},
      {"lambda", "AddPermission", "POST", "/2015-03-31/functions/{FunctionName}/policy", "Qualifier?Qualifier", ""},
      {"lambda", "RemovePermission", "DELETE", "/2015-03-31/functions/{FunctionName}/policy/{StatementId}",
       "Qualifier?Qualifier RevisionId?RevisionId", ""},
      {"lambda", "GetPolicy", "GET", "/2015-03-31/functions/{FunctionName}/policy", "Qualifier?Qualifier", ""},
      {"lambda", "PutFunctionConcurrency", "PUT", "/2017-10-31/functions/{FunctionName}/concurrency", "", ""},
      {"lambda", "GetFunctionConcurrency", "GET", "/2019-09-30/functions/{FunctionName}/concurrency", "", ""},
      {"lambda", "DeleteFunctionConcurrency", "DELETE", "/2017-10-31/functions/{FunctionName}/concurrency", "", ""},
      {"lambda", "GetFunctionEventInvokeConfig", "GET", "/2019-09-25/functions/{FunctionName}/event-invoke-config",
       "Qualifier?Qualifier", ""},
      {"lambda", "PutFunctionEventInvokeConfig", "PUT", "/2019-09-25/functions/{FunctionName}/event-invoke-config",
       "Qualifier?Qualifier", ""},
      {"lambda", "DeleteFunctionEventInvokeConfig", "DELETE", "/2019-09-25/functions/{FunctionName}/event-invoke-config",
       "Qualifier?Qualifier", ""},
      {"lambda", "ListTags", "GET", "/2017-03-31/tags/{Resource}", "", ""},
      {"lambda", "TagResource", "POST", "/2017-03-31/tags/{Resource}", "", ""},
      {"lambda", "UntagResource", "DELETE", "/2017-03-31/tags/{Resource}", "TagKeys?tagKeys", ""},
      {"lambda", "CreateEventSourceMapping", "POST", "/2015-03-31/event-source-mappings", "", ""},
      {"lambda", "ListEventSourceMappings", "GET", "/2015-03-31/event-source-mappings",
       "EventSourceArn?EventSourceArn FunctionName?FunctionName Marker?Marker MaxItems?MaxItems", ""},
      {"lambda", "DeleteEventSourceMapping", "DELETE", "/2015-03-31/event-source-mappings/{UUID}", "", ""},
      {"lambda", "GetAccountSettings", "GET", "/2016-08-19/account-settings", "", ""},

      {"s3", "ListBuckets", "GET", "/",
       "MaxBuckets?max-buckets ContinuationToken?continuation-token Prefix?prefix BucketRegion?bucket-region", ""},
      {"s3", "CreateBucket", "PUT", "/{Bucket}", "ACL:x-amz-acl CreateBucketConfiguration<", "Location:Location"},
      {"s3", "HeadBucket", "HEAD", "/{Bucket}",
       "ExpectedBucketOwner:x-amz-expected-bucket-owner", "BucketRegion:x-amz-bucket-region"},
      {"s3", "DeleteBucket", "DELETE", "/{Bucket}", "ExpectedBucketOwner:x-amz-expected-bucket-owner", ""},
      {"s3", "GetBucketLocation", "GET", "/{Bucket}?location",
       "ExpectedBucketOwner:x-amz-expected-bucket-owner", "LocationConstraint<"},
      {"s3", "GetObject", "GET", "/{Bucket}/{Key+}",
       "IfMatch:If-Match IfModifiedSince:If-Modified-Since IfNoneMatch:If-None-Match"
       " IfUnmodifiedSince:If-Unmodified-Since Range:Range ResponseCacheControl?response-cache-control"
       " ResponseContentDisposition?response-content-disposition ResponseContentEncoding?response-content-encoding"
       " ResponseContentLanguage?response-content-language ResponseContentType?response-content-type"
       " ResponseExpires?response-expires VersionId?versionId RequestPayer:x-amz-request-payer"
       " PartNumber?partNumber ExpectedBucketOwner:x-amz-expected-bucket-owner",
       "Body= DeleteMarker:x-amz-delete-marker Expiration:x-amz-expiration LastModified:Last-Modified"
       " ContentLength:Content-Length ETag:ETag VersionId:x-amz-version-id CacheControl:Cache-Control"
       " ContentDisposition:Content-Disposition ContentEncoding:Content-Encoding ContentLanguage:Content-Language"
       " ContentRange:Content-Range ContentType:Content-Type Expires:Expires"
       " ServerSideEncryption:x-amz-server-side-encryption Metadata*x-amz-meta-"
       " SSEKMSKeyId:x-amz-server-side-encryption-aws-kms-key-id"
       " BucketKeyEnabled:x-amz-server-side-encryption-bucket-key-enabled StorageClass:x-amz-storage-class"
       " TagCount:x-amz-tagging-count"},
      {"s3", "HeadObject", "HEAD", "/{Bucket}/{Key+}",
       "IfMatch:If-Match IfModifiedSince:If-Modified-Since IfNoneMatch:If-None-Match"
       " IfUnmodifiedSince:If-Unmodified-Since Range:Range ResponseCacheControl?response-cache-control"
       " ResponseContentDisposition?response-content-disposition ResponseContentEncoding?response-content-encoding"
       " ResponseContentLanguage?response-content-language ResponseContentType?response-content-type"
       " ResponseExpires?response-expires VersionId?versionId RequestPayer:x-amz-request-payer"
       " PartNumber?partNumber ExpectedBucketOwner:x-amz-expected-bucket-owner",
       "DeleteMarker:x-amz-delete-marker Expiration:x-amz-expiration LastModified:Last-Modified"
       " ContentLength:Content-Length ETag:ETag VersionId:x-amz-version-id CacheControl:Cache-Control"
       " ContentDisposition:Content-Disposition ContentEncoding:Content-Encoding ContentLanguage:Content-Language"
       " ContentType:Content-Type ContentRange:Content-Range Expires:Expires"
       " ServerSideEncryption:x-amz-server-side-encryption Metadata*x-amz-meta-"
       " SSEKMSKeyId:x-amz-server-side-encryption-aws-kms-key-id"
       " BucketKeyEnabled:x-amz-server-side-encryption-bucket-key-enabled StorageClass:x-amz-storage-class"
       " TagCount:x-amz-tagging-count"},
      {"s3", "PutObject", "PUT", "/{Bucket}/{Key+}",
       "ACL:x-amz-acl Body= CacheControl:Cache-Control ContentDisposition:Content-Disposition"
       " ContentEncoding:Content-Encoding ContentLanguage:Content-Language ContentMD5:Content-MD5"
       " ContentType:Content-Type Expires:Expires IfMatch:If-Match IfNoneMatch:If-None-Match Metadata*x-amz-meta-"
       " ServerSideEncryption:x-amz-server-side-encryption StorageClass:x-amz-storage-class"
       " SSEKMSKeyId:x-amz-server-side-encryption-aws-kms-key-id"
       " SSEKMSEncryptionContext:x-amz-server-side-encryption-context"
       " BucketKeyEnabled:x-amz-server-side-encryption-bucket-key-enabled RequestPayer:x-amz-request-payer"
       " Tagging:x-amz-tagging ExpectedBucketOwner:x-amz-expected-bucket-owner",
       "Expiration:x-amz-expiration ETag:ETag ServerSideEncryption:x-amz-server-side-encryption"
       " VersionId:x-amz-version-id SSEKMSKeyId:x-amz-server-side-encryption-aws-kms-key-id"
       " SSEKMSEncryptionContext:x-amz-server-side-encryption-context"
       " BucketKeyEnabled:x-amz-server-side-encryption-bucket-key-enabled Size:x-amz-object-size"},
      {"s3", "CopyObject", "PUT", "/{Bucket}/{Key+}",
       "ACL:x-amz-acl CacheControl:Cache-Control ContentDisposition:Content-Disposition"
       " ContentEncoding:Content-Encoding ContentLanguage:Content-Language ContentType:Content-Type"
       " CopySource:x-amz-copy-source CopySourceIfMatch:x-amz-copy-source-if-match"
       " CopySourceIfModifiedSince:x-amz-copy-source-if-modified-since"
       " CopySourceIfNoneMatch:x-amz-copy-source-if-none-match"
       " CopySourceIfUnmodifiedSince:x-amz-copy-source-if-unmodified-since Expires:Expires IfMatch:If-Match"
       " IfNoneMatch:If-None-Match Metadata*x-amz-meta- MetadataDirective:x-amz-metadata-directive"
       " TaggingDirective:x-amz-tagging-directive ServerSideEncryption:x-amz-server-side-encryption"
       " StorageClass:x-amz-storage-class SSEKMSKeyId:x-amz-server-side-encryption-aws-kms-key-id"
       " SSEKMSEncryptionContext:x-amz-server-side-encryption-context"
       " BucketKeyEnabled:x-amz-server-side-encryption-bucket-key-enabled RequestPayer:x-amz-request-payer"
       " Tagging:x-amz-tagging ExpectedBucketOwner:x-amz-expected-bucket-owner"
       " ExpectedSourceBucketOwner:x-amz-source-expected-bucket-owner",
       "CopyObjectResult< Expiration:x-amz-expiration CopySourceVersionId:x-amz-copy-source-version-id"
       " VersionId:x-amz-version-id ServerSideEncryption:x-amz-server-side-encryption"
       " SSEKMSKeyId:x-amz-server-side-encryption-aws-kms-key-id"
       " SSEKMSEncryptionContext:x-amz-server-side-encryption-context"
       " BucketKeyEnabled:x-amz-server-side-encryption-bucket-key-enabled"},
      {"s3", "DeleteObject", "DELETE", "/{Bucket}/{Key+}",
       "VersionId?versionId RequestPayer:x-amz-request-payer ExpectedBucketOwner:x-amz-expected-bucket-owner"
       " IfMatch:If-Match IfMatchLastModifiedTime:x-amz-if-match-last-modified-time"
       " IfMatchSize:x-amz-if-match-size",
       "DeleteMarker:x-amz-delete-marker VersionId:x-amz-version-id"},
      {"s3", "DeleteObjects", "POST", "/{Bucket}?delete",
       "Delete< RequestPayer:x-amz-request-payer ExpectedBucketOwner:x-amz-expected-bucket-owner", ""},
      {"s3", "ListObjectsV2", "GET", "/{Bucket}?list-type=2",
       "Delimiter?delimiter EncodingType?encoding-type MaxKeys?max-keys Prefix?prefix"
       " ContinuationToken?continuation-token FetchOwner?fetch-owner StartAfter?start-after"
       " RequestPayer:x-amz-request-payer ExpectedBucketOwner:x-amz-expected-bucket-owner",
       ""},
      {"s3", "ListObjectVersions", "GET", "/{Bucket}?versions",
       "Delimiter?delimiter EncodingType?encoding-type KeyMarker?key-marker MaxKeys?max-keys Prefix?prefix"
       " VersionIdMarker?version-id-marker ExpectedBucketOwner:x-amz-expected-bucket-owner"
       " RequestPayer:x-amz-request-payer",
       ""},
      {"s3", "GetObjectTagging", "GET", "/{Bucket}/{Key+}?tagging",
       "VersionId?versionId ExpectedBucketOwner:x-amz-expected-bucket-owner RequestPayer:x-amz-request-payer",
       "VersionId:x-amz-version-id"},
      {"s3", "PutObjectTagging", "PUT", "/{Bucket}/{Key+}?tagging",
       "VersionId?versionId ContentMD5:Content-MD5 Tagging< ExpectedBucketOwner:x-amz-expected-bucket-owner"
       " RequestPayer:x-amz-request-payer",
       "VersionId:x-amz-version-id"},
  };
  // clang-format on
  return kOperations;
}

const RestOperation* find_rest_operation(std::string_view service, std::string_view name) {
  const auto all = rest_operations();
  const auto found = std::find_if(all.begin(), all.end(), [&](const RestOperation& one) {
    return one.service == service && one.name == name;
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace sosw::aws
