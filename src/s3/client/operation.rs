//! [`Operation`]: the operations of the S3 API, in one table.

use rusty_s3::Method;

use Property::{ChangesNothing, HasETag, IsAboutBuckets, IsLong, NeedsNoObject, SendsContent};

/// An operation of the S3 API. [`TABLE`] lists its properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    AbortMultipartUpload,
    CompleteMultipartUpload,
    CopyObject,
    CreateBucket,
    CreateMultipartUpload,
    DeleteBucket,
    DeleteObject,
    DeleteObjects,
    GetObject,
    GetObjectTagging,
    HeadObject,
    ListBuckets,
    ListMultipartUploads,
    ListObjectVersions,
    ListObjectsV2,
    ListParts,
    PutObject,
    RestoreObject,
    UploadPart,
    UploadPartCopy,
}

/// One row of the table.
struct Row {
    operation: Operation,
    /// Its name in the [S3 API](https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html).
    name: &'static str,
    method: Method,
    /// The IAM action that allows it.
    permission: &'static str,
    properties: &'static [Property],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Property {
    /// The operation changes nothing that is stored.
    ChangesNothing,
    /// Every success has an ETag among its headers.
    HasETag,
    /// The operation concerns a bucket or all buckets rather than objects.
    IsAboutBuckets,
    /// The server moves data before it answers, which may take minutes.
    IsLong,
    /// The operation lists or creates something, or deletes objects that need not exist, so that no object can be missing.
    NeedsNoObject,
    /// The body is content to store.
    SendsContent,
}

const fn row(
    operation: Operation,
    name: &'static str,
    method: Method,
    permission: &'static str,
    properties: &'static [Property],
) -> Row {
    Row {
        operation,
        name,
        method,
        permission,
        properties,
    }
}

/// All operations, in the order of their declaration.
///
/// Sources: the page of each operation in the S3 API, "Response syntax", and
/// [Required permissions](https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html).
#[rustfmt::skip]
const TABLE: [Row; 20] = {
    use Method::{Delete, Get, Head, Post, Put};
    use Operation as Op;
    [
        row(Op::AbortMultipartUpload, "AbortMultipartUpload", Delete, "s3:AbortMultipartUpload", &[]),
        row(Op::CompleteMultipartUpload, "CompleteMultipartUpload", Post, "s3:PutObject", &[IsLong]),
        row(Op::CopyObject, "CopyObject", Put, "s3:GetObject and s3:PutObject", &[IsLong]),
        row(Op::CreateBucket, "CreateBucket", Put, "s3:CreateBucket", &[IsAboutBuckets, NeedsNoObject]),
        row(Op::CreateMultipartUpload, "CreateMultipartUpload", Post, "s3:PutObject", &[NeedsNoObject]),
        row(Op::DeleteBucket, "DeleteBucket", Delete, "s3:DeleteBucket", &[IsAboutBuckets, NeedsNoObject]),
        row(Op::DeleteObject, "DeleteObject", Delete, "s3:DeleteObject", &[]),
        row(Op::DeleteObjects, "DeleteObjects", Post, "s3:DeleteObject", &[NeedsNoObject]),
        row(Op::GetObject, "GetObject", Get, "s3:GetObject", &[ChangesNothing, HasETag]),
        row(Op::GetObjectTagging, "GetObjectTagging", Get, "s3:GetObjectTagging", &[ChangesNothing]),
        row(Op::HeadObject, "HeadObject", Head, "s3:GetObject", &[ChangesNothing, HasETag]),
        row(Op::ListBuckets, "ListBuckets", Get, "s3:ListAllMyBuckets", &[ChangesNothing, IsAboutBuckets, NeedsNoObject]),
        row(Op::ListMultipartUploads, "ListMultipartUploads", Get, "s3:ListBucketMultipartUploads", &[ChangesNothing, NeedsNoObject]),
        row(Op::ListObjectVersions, "ListObjectVersions", Get, "s3:ListBucketVersions", &[ChangesNothing, NeedsNoObject]),
        row(Op::ListObjectsV2, "ListObjectsV2", Get, "s3:ListBucket", &[ChangesNothing, NeedsNoObject]),
        row(Op::ListParts, "ListParts", Get, "s3:ListMultipartUploadParts", &[ChangesNothing]),
        row(Op::PutObject, "PutObject", Put, "s3:PutObject", &[HasETag, NeedsNoObject, SendsContent]),
        row(Op::RestoreObject, "RestoreObject", Post, "s3:RestoreObject", &[]),
        row(Op::UploadPart, "UploadPart", Put, "s3:PutObject", &[HasETag, SendsContent]),
        row(Op::UploadPartCopy, "UploadPartCopy", Put, "s3:GetObject and s3:PutObject", &[IsLong]),
    ]
};

// The index of a row is the number of its operation.
const _: () = {
    let mut number = 0;
    while number < TABLE.len() {
        assert!(TABLE[number].operation as usize == number);
        number += 1;
    }
    assert!(Operation::UploadPartCopy as usize + 1 == TABLE.len());
};

impl Operation {
    pub(super) const COUNT: usize = TABLE.len();

    /// All operations, in the order of their declaration.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.operation)
    }

    fn row(self) -> &'static Row {
        const ROWS: &[Row; TABLE.len()] = &TABLE;
        &ROWS[self as usize]
    }

    fn has(self, property: Property) -> bool {
        self.row().properties.contains(&property)
    }

    pub(crate) fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns the IAM action that allows it.
    pub(crate) fn permission(self) -> &'static str {
        self.row().permission
    }

    /// Returns its HTTP method.
    pub(crate) fn method(self) -> Method {
        self.row().method
    }

    /// Returns true if the server moves data before it answers, which may take minutes.
    pub(crate) fn is_long(self) -> bool {
        self.has(IsLong)
    }

    /// Returns true if it concerns a bucket or all buckets rather than objects.
    pub(super) fn is_about_buckets(self) -> bool {
        self.has(IsAboutBuckets)
    }

    /// Returns true if it changes stored data.
    pub(crate) fn changes(self) -> bool {
        !self.has(ChangesNothing)
    }

    /// Returns true if its body is content to store.
    pub(super) fn sends_content(self) -> bool {
        self.has(SendsContent)
    }

    /// Returns true if every success has an ETag among its headers.
    pub(crate) fn answers_with_e_tag(self) -> bool {
        self.has(HasETag)
    }

    /// Returns true if no object can be missing.
    pub(crate) fn needs_no_object(self) -> bool {
        self.has(NeedsNoObject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_variants() {
        for operation in Operation::all() {
            assert_eq!(operation.name(), format!("{operation:?}"));
        }
    }

    #[test]
    fn methods_and_properties_agree() {
        for operation in Operation::all() {
            let is_safe = matches!(operation.method(), Method::Get | Method::Head);
            assert_eq!(operation.changes(), !is_safe, "{operation:?}");
            let puts = operation.method() == Method::Put;
            assert!(puts || !operation.sends_content(), "{operation:?}");
        }
    }
}
