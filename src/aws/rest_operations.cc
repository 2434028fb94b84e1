// SPDX-License-Identifier: MIT
// The table of operations of the REST services, from their API references.
#include <algorithm>
#include <array>

#include "aws/rest.h"

namespace sosw::aws {

const RestOperation* find_rest_operation(std::string_view service, std::string_view name) {
  // clang-format off
  static constexpr std::array kOperations = {
      RestOperation{"lambda", "Invoke", "POST", "/2015-03-31/functions/{FunctionName}/invocations",
       "Qualifier?Qualifier InvocationType:X-Amz-Invocation-Type LogType:X-Amz-Log-Type"
       " ClientContext:X-Amz-Client-Context Payload=",
       "StatusCode# FunctionError:X-Amz-Function-Error LogResult:X-Amz-Log-Result"
       " ExecutedVersion:X-Amz-Executed-Version Payload="},
      RestOperation{"lambda", "GetFunction", "GET", "/2015-03-31/functions/{FunctionName}", "Qualifier?Qualifier", ""},
      RestOperation{"lambda", "GetFunctionConfiguration", "GET", "/2015-03-31/functions/{FunctionName}/configuration",
       "Qualifier?Qualifier", ""},
      RestOperation{"lambda", "ListFunctions", "GET", "/2015-03-31/functions",
       "MasterRegion?MasterRegion FunctionVersion?FunctionVersion Marker?Marker MaxItems?MaxItems", ""},
      RestOperation{"lambda", "CreateFunction", "POST", "/2015-03-31/functions", "", ""},
      RestOperation{"lambda", "UpdateFunctionCode", "PUT", "/2015-03-31/functions/{FunctionName}/code", "", ""},
      RestOperation{"lambda", "UpdateFunctionConfiguration", "PUT",
       "/2015-03-31/functions/{FunctionName}/configuration", "", ""},
      RestOperation{"lambda", "DeleteFunction", "DELETE", "/2015-03-31/functions/{FunctionName}", "Qualifier?Qualifier", ""},
      RestOperation{"lambda", "PublishVersion", "POST", "/2015-03-31/functions/{FunctionName}/versions", "", ""},
      RestOperation{"lambda", "ListVersionsByFunction", "GET", "/2015-03-31/functions/{FunctionName}/versions",
       "Marker?Marker MaxItems?MaxItems", ""},
      RestOperation{"lambda", "CreateAlias", "POST", "/2015-03-31/functions/{FunctionName}/aliases", "", ""},
      RestOperation{"lambda", "UpdateAlias", "PUT", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "", ""},
      RestOperation{"lambda", "GetAlias", "GET", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "", ""},
      RestOperation{"lambda", "DeleteAlias", "DELETE", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "", ""},
      RestOperation{"lambda", "AddPermission", "POST", "/2015-03-31/functions/{FunctionName}/policy", "Qualifier?Qualifier", ""},
      RestOperation{"lambda", "RemovePermission", "DELETE", "/2015-03-31/functions/{FunctionName}/policy/{StatementId}",
       "Qualifier?Qualifier RevisionId?RevisionId", ""},
      RestOperation{"lambda", "GetPolicy", "GET", "/2015-03-31/functions/{FunctionName}/policy", "Qualifier?Qualifier", ""},
      RestOperation{"lambda", "PutFunctionConcurrency", "PUT", "/2017-10-31/functions/{FunctionName}/concurrency", "", ""},
      RestOperation{"lambda", "GetFunctionConcurrency", "GET", "/2019-09-30/functions/{FunctionName}/concurrency", "", ""},
      RestOperation{"lambda", "DeleteFunctionConcurrency", "DELETE", "/2017-10-31/functions/{FunctionName}/concurrency", "", ""},
      RestOperation{"lambda", "GetFunctionEventInvokeConfig", "GET",
       "/2019-09-25/functions/{FunctionName}/event-invoke-config", "Qualifier?Qualifier", ""},
      RestOperation{"lambda", "PutFunctionEventInvokeConfig", "PUT",
       "/2019-09-25/functions/{FunctionName}/event-invoke-config", "Qualifier?Qualifier", ""},
      RestOperation{"lambda", "DeleteFunctionEventInvokeConfig", "DELETE",
       "/2019-09-25/functions/{FunctionName}/event-invoke-config", "Qualifier?Qualifier", ""},
      RestOperation{"lambda", "ListTags", "GET", "/2017-03-31/tags/{Resource}", "", ""},
      RestOperation{"lambda", "TagResource", "POST", "/2017-03-31/tags/{Resource}", "", ""},
      RestOperation{"lambda", "UntagResource", "DELETE", "/2017-03-31/tags/{Resource}", "TagKeys?tagKeys", ""},
      RestOperation{"lambda", "CreateEventSourceMapping", "POST", "/2015-03-31/event-source-mappings", "", ""},
      RestOperation{"lambda", "ListEventSourceMappings", "GET", "/2015-03-31/event-source-mappings",
       "EventSourceArn?EventSourceArn FunctionName?FunctionName Marker?Marker MaxItems?MaxItems", ""},
      RestOperation{"lambda", "DeleteEventSourceMapping", "DELETE", "/2015-03-31/event-source-mappings/{UUID}", "", ""},
      RestOperation{"lambda", "GetAccountSettings", "GET", "/2016-08-19/account-settings", "", ""},

      RestOperation{"s3", "ListBuckets", "GET", "/", "", ""},
      RestOperation{"s3", "CreateBucket", "PUT", "/{Bucket}",
       "ACL:x-amz-acl CreateBucketConfiguration<", "Location:Location"},
      RestOperation{"s3", "HeadBucket", "HEAD", "/{Bucket}", "", "BucketRegion:x-amz-bucket-region"},
      RestOperation{"s3", "DeleteBucket", "DELETE", "/{Bucket}", "", ""},
      RestOperation{"s3", "GetBucketLocation", "GET", "/{Bucket}?location", "", "LocationConstraint<"},
      RestOperation{"s3", "GetObject", "GET", "/{Bucket}/{Key+}",
       "Range:Range VersionId?versionId IfMatch:If-Match IfNoneMatch:If-None-Match IfModifiedSince:If-Modified-Since"
       " IfUnmodifiedSince:If-Unmodified-Since PartNumber?partNumber ResponseContentType?response-content-type"
       " RequestPayer:x-amz-request-payer",
       "Body= ContentLength:Content-Length ContentType:Content-Type ContentEncoding:Content-Encoding"
       " ContentRange:Content-Range CacheControl:Cache-Control ETag:ETag LastModified:Last-Modified"
       " VersionId:x-amz-version-id ServerSideEncryption:x-amz-server-side-encryption StorageClass:x-amz-storage-class"
       " Metadata*x-amz-meta-"},
      RestOperation{"s3", "HeadObject", "HEAD", "/{Bucket}/{Key+}",
       "Range:Range VersionId?versionId IfMatch:If-Match IfNoneMatch:If-None-Match IfModifiedSince:If-Modified-Since"
       " IfUnmodifiedSince:If-Unmodified-Since PartNumber?partNumber RequestPayer:x-amz-request-payer",
       "ContentLength:Content-Length ContentType:Content-Type ContentEncoding:Content-Encoding"
       " CacheControl:Cache-Control ETag:ETag LastModified:Last-Modified VersionId:x-amz-version-id"
       " ServerSideEncryption:x-amz-server-side-encryption StorageClass:x-amz-storage-class Metadata*x-amz-meta-"},
      RestOperation{"s3", "PutObject", "PUT", "/{Bucket}/{Key+}",
       "Body= ACL:x-amz-acl CacheControl:Cache-Control ContentDisposition:Content-Disposition"
       " ContentEncoding:Content-Encoding ContentMD5:Content-MD5 ContentType:Content-Type IfMatch:If-Match"
       " IfNoneMatch:If-None-Match Metadata*x-amz-meta- ServerSideEncryption:x-amz-server-side-encryption"
       " SSEKMSKeyId:x-amz-server-side-encryption-aws-kms-key-id StorageClass:x-amz-storage-class Tagging:x-amz-tagging",
       "ETag:ETag VersionId:x-amz-version-id ServerSideEncryption:x-amz-server-side-encryption"},
      RestOperation{"s3", "CopyObject", "PUT", "/{Bucket}/{Key+}",
       "CopySource:x-amz-copy-source ACL:x-amz-acl CacheControl:Cache-Control ContentType:Content-Type"
       " CopySourceIfMatch:x-amz-copy-source-if-match CopySourceIfNoneMatch:x-amz-copy-source-if-none-match"
       " MetadataDirective:x-amz-metadata-directive Metadata*x-amz-meta-"
       " ServerSideEncryption:x-amz-server-side-encryption StorageClass:x-amz-storage-class",
       "CopyObjectResult< VersionId:x-amz-version-id CopySourceVersionId:x-amz-copy-source-version-id"},
      RestOperation{"s3", "DeleteObject", "DELETE", "/{Bucket}/{Key+}", "VersionId?versionId IfMatch:If-Match",
       "DeleteMarker:x-amz-delete-marker VersionId:x-amz-version-id"},
      RestOperation{"s3", "DeleteObjects", "POST", "/{Bucket}?delete", "Delete<", ""},
      RestOperation{"s3", "ListObjectsV2", "GET", "/{Bucket}?list-type=2",
       "Prefix?prefix Delimiter?delimiter MaxKeys?max-keys ContinuationToken?continuation-token"
       " StartAfter?start-after FetchOwner?fetch-owner EncodingType?encoding-type", ""},
      RestOperation{"s3", "ListObjectVersions", "GET", "/{Bucket}?versions",
       "Prefix?prefix Delimiter?delimiter MaxKeys?max-keys KeyMarker?key-marker VersionIdMarker?version-id-marker"
       " EncodingType?encoding-type", ""},
      RestOperation{"s3", "GetObjectTagging", "GET", "/{Bucket}/{Key+}?tagging", "VersionId?versionId", ""},
      RestOperation{"s3", "PutObjectTagging", "PUT", "/{Bucket}/{Key+}?tagging", "VersionId?versionId Tagging<", ""},
  };
  // clang-format on
  const auto* const found = std::find_if(
      kOperations.begin(), kOperations.end(),
      [&](const RestOperation& one) { return one.service == service && one.name == name; });
  return found == kOperations.end() ? nullptr : found;
}

}  // namespace sosw::aws
