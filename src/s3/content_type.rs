//! Guessing the content type of an object from its name, as PyFilesystem's S3FS does.

use crate::path;

/// Guesses the content type of a file from the extension of its name, as uploads do. Returns `None` for an unknown
/// extension; uploads then use `binary/octet-stream`.
///
/// The result is that of Python's
/// [`mimetypes.guess_type`](https://docs.python.org/3/library/mimetypes.html) with its built-in tables, on every machine.
/// For a compressed file, it is the type of the content, such as `application/x-tar` for `x.tar.gz`, as in PyFilesystem's
/// S3FS. No `Content-Encoding` is guessed, because browsers would decompress their downloads.
///
/// ```
/// assert_eq!(s3fs::guess_content_type("site/index.html"), Some("text/html"));
/// assert_eq!(s3fs::guess_content_type("backup.tar.gz"), Some("application/x-tar"));
/// assert_eq!(s3fs::guess_content_type("README"), None);
/// ```
#[must_use]
pub fn guess_content_type(name: &str) -> Option<&'static str> {
    let (stem, extension) = split_extension(path::basename(name));
    let lower = extension.to_lowercase();
    match lower.as_str() {
        "taz" | "tbz2" | "tgz" | "txz" | "tz" => find("tar"),
        "svgz" => find("svg"),
        _ if is_compressed(extension) => find(&split_extension(stem).1.to_lowercase()),
        lower => find(lower),
    }
}

/// Returns the parts of the name before and after the last dot. Leading dots do not count.
fn split_extension(name: &str) -> (&str, &str) {
    match name.rsplit_once('.') {
        Some((stem, extension)) if stem.contains(|c| c != '.') => (stem, extension),
        _ => (name, ""),
    }
}

/// Returns true for the extension of a compressed file. It is case-sensitive, as in Python: `.Z` is compressed, `.z` and
/// `.GZ` are not.
fn is_compressed(extension: &str) -> bool {
    matches!(extension, "Z" | "br" | "bz2" | "gz" | "xz")
}

fn find(extension: &str) -> Option<&'static str> {
    let index = TYPES.binary_search_by_key(&extension, |&(known, _)| known);
    index
        .ok()
        .and_then(|index| TYPES.get(index))
        .map(|&(_, content_type)| content_type)
}

/// Extensions and their types, sorted: `types_map` of CPython's `Lib/mimetypes.py` after 3.14, which contains all
/// extensions of older versions. Six types have newer names there, such as `text/javascript`.
const TYPES: &[(&str, &str)] = &[
    ("3g2", "audio/3gpp2"),
    ("3gp", "audio/3gpp"),
    ("3gpp", "audio/3gpp"),
    ("3gpp2", "audio/3gpp2"),
    ("7z", "application/x-7z-compressed"),
    ("a", "application/octet-stream"),
    ("aac", "audio/aac"),
    ("adts", "audio/aac"),
    ("ai", "application/postscript"),
    ("aif", "audio/x-aiff"),
    ("aifc", "audio/x-aiff"),
    ("aiff", "audio/x-aiff"),
    ("ass", "audio/aac"),
    ("au", "audio/basic"),
    ("avi", "video/vnd.avi"),
    ("avif", "image/avif"),
    ("bat", "text/plain"),
    ("bcpio", "application/x-bcpio"),
    ("bin", "application/octet-stream"),
    ("bmp", "image/bmp"),
    ("c", "text/plain"),
    ("cdf", "application/x-netcdf"),
    ("cpio", "application/x-cpio"),
    ("csh", "application/x-csh"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("deb", "application/x-debian-package"),
    ("dll", "application/octet-stream"),
    ("doc", "application/msword"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("dot", "application/msword"),
    ("dvi", "application/x-dvi"),
    ("emf", "image/emf"),
    ("eml", "message/rfc822"),
    ("eot", "application/vnd.ms-fontobject"),
    ("eps", "application/postscript"),
    ("epub", "application/epub+zip"),
    ("etx", "text/x-setext"),
    ("exe", "application/octet-stream"),
    ("fits", "image/fits"),
    ("flac", "audio/flac"),
    ("g3", "image/g3fax"),
    ("gif", "image/gif"),
    ("glb", "model/gltf-binary"),
    ("gltf", "model/gltf+json"),
    ("gtar", "application/x-gtar"),
    ("gz", "application/gzip"),
    ("h", "text/plain"),
    ("h5", "application/x-hdf5"),
    ("hdf", "application/x-hdf"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/vnd.microsoft.icon"),
    ("ief", "image/ief"),
    ("jp2", "image/jp2"),
    ("jpe", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("jpm", "image/jpm"),
    ("jpx", "image/jpx"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("ksh", "text/plain"),
    ("latex", "application/x-latex"),
    ("loas", "audio/aac"),
    ("m1v", "video/mpeg"),
    ("m3u", "application/vnd.apple.mpegurl"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/x-m4v"),
    ("man", "application/x-troff-man"),
    ("markdown", "text/markdown"),
    ("md", "text/markdown"),
    ("me", "application/x-troff-me"),
    ("mht", "message/rfc822"),
    ("mhtml", "message/rfc822"),
    ("mif", "application/x-mif"),
    ("mjs", "text/javascript"),
    ("mk3d", "video/matroska-3d"),
    ("mka", "audio/matroska"),
    ("mkv", "video/matroska"),
    ("mov", "video/quicktime"),
    ("movie", "video/x-sgi-movie"),
    ("mp2", "audio/mpeg"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpa", "video/mpeg"),
    ("mpe", "video/mpeg"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("ms", "application/x-troff-ms"),
    ("n3", "text/n3"),
    ("nc", "application/x-netcdf"),
    ("nq", "application/n-quads"),
    ("nt", "application/n-triples"),
    ("nws", "message/rfc822"),
    ("o", "application/octet-stream"),
    ("obj", "application/octet-stream"),
    ("oda", "application/oda"),
    ("odg", "application/vnd.oasis.opendocument.graphics"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("ogx", "application/ogg"),
    ("opus", "audio/opus"),
    ("otf", "font/otf"),
    ("p12", "application/x-pkcs12"),
    ("p7c", "application/pkcs7-mime"),
    ("pbm", "image/x-portable-bitmap"),
    ("pdf", "application/pdf"),
    ("pfx", "application/x-pkcs12"),
    ("pgm", "image/x-portable-graymap"),
    ("php", "application/x-httpd-php"),
    ("pl", "text/plain"),
    ("png", "image/png"),
    ("pnm", "image/x-portable-anymap"),
    ("pot", "application/vnd.ms-powerpoint"),
    ("ppa", "application/vnd.ms-powerpoint"),
    ("ppm", "image/x-portable-pixmap"),
    ("pps", "application/vnd.ms-powerpoint"),
    ("ppt", "application/vnd.ms-powerpoint"),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("ps", "application/postscript"),
    ("pwz", "application/vnd.ms-powerpoint"),
    ("py", "text/x-python"),
    ("pyc", "application/x-python-code"),
    ("pyo", "application/x-python-code"),
    ("qt", "video/quicktime"),
    ("ra", "audio/x-pn-realaudio"),
    ("ram", "application/x-pn-realaudio"),
    ("rar", "application/vnd.rar"),
    ("ras", "image/x-cmu-raster"),
    ("rdf", "application/xml"),
    ("rgb", "image/x-rgb"),
    ("roff", "application/x-troff"),
    ("rpm", "application/x-rpm"),
    ("rst", "text/x-rst"),
    ("rtf", "text/rtf"),
    ("rtx", "text/richtext"),
    ("sgm", "text/x-sgml"),
    ("sgml", "text/x-sgml"),
    ("sh", "application/x-sh"),
    ("shar", "application/x-shar"),
    ("snd", "audio/basic"),
    ("so", "application/octet-stream"),
    ("src", "application/x-wais-source"),
    ("srt", "text/plain"),
    ("stl", "model/stl"),
    ("sv4cpio", "application/x-sv4cpio"),
    ("sv4crc", "application/x-sv4crc"),
    ("svg", "image/svg+xml"),
    ("swf", "application/x-shockwave-flash"),
    ("t", "application/x-troff"),
    ("t38", "image/t38"),
    ("tar", "application/x-tar"),
    ("tcl", "application/x-tcl"),
    ("tex", "application/x-tex"),
    ("texi", "application/texinfo"),
    ("texinfo", "application/texinfo"),
    ("tfx", "image/tiff-fx"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "application/toml"),
    ("tr", "application/x-troff"),
    ("trig", "application/trig"),
    ("tsv", "text/tab-separated-values"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain"),
    ("ustar", "application/x-ustar"),
    ("vcf", "text/x-vcard"),
    ("vtt", "text/vtt"),
    ("wasm", "application/wasm"),
    ("wav", "audio/vnd.wave"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("wiz", "application/msword"),
    ("wmf", "image/wmf"),
    ("wmv", "video/x-ms-wmv"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("wsdl", "application/xml"),
    ("xbm", "image/x-xbitmap"),
    ("xlb", "application/vnd.ms-excel"),
    ("xls", "application/vnd.ms-excel"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("xml", "text/xml"),
    ("xpdl", "application/xml"),
    ("xpm", "image/x-xpixmap"),
    ("xsl", "application/xml"),
    ("xwd", "image/x-xwindowdump"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_lower_case_and_without_duplicates() {
        assert!(TYPES.is_sorted_by(|(a, _), (b, _)| a < b));
        for (extension, content_type) in TYPES {
            assert_eq!(*extension, extension.to_lowercase());
            assert_eq!(content_type.split('/').count(), 2, "{content_type}");
        }
    }

    #[test]
    fn every_extension_of_the_table_is_found() {
        for (extension, content_type) in TYPES.iter().filter(|(known, _)| *known != "gz") {
            assert_eq!(
                guess_content_type(&format!("a.{extension}")),
                Some(*content_type)
            );
        }
    }

    #[test]
    fn the_guessed_type_is_the_same_as_in_python() {
        for (name, content_type) in [
            ("a.txt", Some("text/plain")),
            ("dir.d/a.b.HTML", Some("text/html")),
            ("a.Json", Some("application/json")),
            ("a.webp", Some("image/webp")),
            ("\u{e9}.mjs", Some("text/javascript")),
            ("..a.txt", Some("text/plain")),
            ("a?b=c.css", Some("text/css")),
            ("", None),
            ("a", None),
            ("a.", None),
            ("a.unknown", None),
            ("a.txt ", None),
            (".txt", None),
            ("dir/.txt", None),
            ("..txt", None),
            ("dir.txt/a", None),
            ("dir.txt/", None),
        ] {
            assert_eq!(guess_content_type(name), content_type, "{name:?}");
        }
    }

    #[test]
    fn a_compressed_file_has_the_type_of_its_content() {
        for (name, content_type) in [
            ("a.tar.gz", Some("application/x-tar")),
            ("a.TAR.gz", Some("application/x-tar")),
            ("a.tgz", Some("application/x-tar")),
            ("a.TBZ2", Some("application/x-tar")),
            ("a.txt.Z", Some("text/plain")),
            ("a.svgz", Some("image/svg+xml")),
            ("a.js.br", Some("text/javascript")),
            ("a.gz.gz", Some("application/gzip")),
            ("a.gz", None),
            ("a.tgz.gz", None),
            (".tar.gz", None),
            (".tgz", None),
            ("a.txt.z", None),
            ("a.txt.GZ", Some("application/gzip")),
        ] {
            assert_eq!(guess_content_type(name), content_type, "{name:?}");
        }
    }
}
