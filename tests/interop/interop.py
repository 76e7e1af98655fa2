"""The original fs-s3fs and this crate's tool on the same bucket: what one makes, the other sees.

    python interop.py PATH_TO_s3_EXAMPLE_BINARY ENDPOINT KEY SECRET BUCKET

It needs fs 2.4.16, fs-s3fs 1.1.1 and setuptools before 81; `.ci/interop.sh` installs them and runs it.
The bucket is made if it is not there, and so is one beside it, which is removed at the end; in BUCKET
everything happens in directories of its own, which are removed, too. The last line is `N passed, 0 failed`; if anything failed, the exit status is 1.
"""

import io
import mimetypes
import os
import subprocess
import sys
import unittest
import urllib.request
import uuid
import warnings
from datetime import datetime, timezone
from urllib.parse import quote

# Both sides get all they need in words: nothing of the caller's AWS configuration.
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
# boto3 would wrap each upload in chunks with a checksum behind them, which older stores take for content.
os.environ.update(AWS_REQUEST_CHECKSUM_CALCULATION="when_required")

# fs finds its openers with pkg_resources, which setuptools 81 removed and older ones warn of.
warnings.filterwarnings("ignore", "pkg_resources is deprecated|Deprecated call to `pkg_resources")

import boto3  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from fs import errors, open_fs  # noqa: E402
from fs_s3fs import S3FS  # noqa: E402

# Without the machine's own tables, the original guesses as its author's machine did, and as ours does.
mimetypes.knownfiles.clear()

REGION = "us-east-1"
# Characters that URLs, XML, shells or Unicode treat in a way of their own. No line breaks: the tool
# lists a name a line, and moto knows no key with one.
NAMES = [
    "plain", "with space", " leading", "trailing ", "tab\tinside", "ünïcödé", "u\u0308 decomposed", "日本語",
    "😀", "no\u00a0break", "a+b", "a%20b", "100%", "a&b", "a=b", "q?x=1", "#1", "x;y", "com,ma", ":c", "@at",
    "'\"", "<x>", "[b]", "{c}", "$d", "!bang", "*star", "^", "`", "~t", "back\\slash", "|p", ".hidden", "..x",
    "...", "trailing.", "\x01control", "\x7f",
]  # fmt: skip
# Asked with ListObjects, as the original does, moto 5.2 says that directories' names are URL-encoded,
# and they are not: the original then reads these as others. S3 and radosgw encode them.
UNREADABLE_IN_MOTO = set("+%")


class Ours:
    """The tool on an FS URL."""

    def __init__(self, bucket, dir_path, **params):
        params = {"endpoint_url": ENDPOINT, **params}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in params.items())
        self.url = f"s3://{bucket}/{quote(dir_path)}?{query}"

    def run(self, command, *paths, stdin=b""):
        return run_tool(self.url, command, *paths, stdin=stdin)

    def __call__(self, command, *paths, stdin=b""):
        """Its output, which is UTF-8."""
        return self.bytes(command, *paths, stdin=stdin).decode()

    def bytes(self, command, *paths, stdin=b""):
        done = self.run(command, *paths, stdin=stdin)
        if done.returncode != 0:
            raise AssertionError(f"s3 {command} {paths}: {done.stderr.decode()}")
        return done.stdout

    def ls(self, path="/"):
        return lines(self("ls", path))

    def find(self):
        """Every path; those of directories end with a slash."""
        return set(lines(self("find")))

    def info(self, path):
        return dict(line.split(": ", 1) for line in lines(self("info", path)))

    def error(self, command, *paths):
        """What an error begins with."""
        done = self.run(command, *paths)
        if done.returncode != 1:
            raise AssertionError(f"s3 {command} {paths} ended with {done.returncode}")
        return done.stderr.decode().removeprefix("interop: ").split(": ")[0].strip()


def run_tool(*arguments, stdin=b""):
    environment = {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
    }
    return subprocess.run([TOOL, *arguments], input=stdin, capture_output=True, env=environment, timeout=60)


def lines(output):
    # Not splitlines(), which breaks names with other characters apart, too.
    return output.split("\n")[:-1]


def everything(fs):
    """Every path that the original finds; those of directories end with a slash."""
    found = set()
    for step in fs.walk("/"):
        found.update(f"{step.path.rstrip('/')}/{info.name}/" for info in step.dirs)
        found.update(f"{step.path.rstrip('/')}/{info.name}" for info in step.files)
    return found


# A tree with depth, empty directories, and names that need care.
FILES = {
    "/top.txt": b"top",
    "/empty file": b"",
    "/docs/read me.html": b"# hello\n",
    "/docs/2026/ü/日本.csv": b"a,b\n1,2\n",
    "/docs/2026/raw.bin": bytes(range(256)),
}
DIRECTORIES = ["/docs/", "/docs/2026/", "/docs/2026/ü/", "/docs/nothing here/", "/hollow/", "/hollow/deep/"]
TREE = set(FILES) | set(DIRECTORIES)


class Place:
    """A directory for each test, opened by both."""

    delimiter = "/"

    def setUp(self):
        self.bucket, self.dir_path = self.place()
        self.ours, self.ours_not_strict = self.open_ours(), self.open_ours(strict="0")
        self.theirs, self.theirs_not_strict = self.open_theirs(), self.open_theirs(strict=False)

    def place(self):
        """The bucket and the directory in it that a test has for itself."""
        return BUCKET, f"{RUN}/{type(self).__name__}-{self._testMethodName}"

    def open_ours(self, **params):
        if self.delimiter != "/":
            params["delimiter"] = self.delimiter
        return Ours(self.bucket, self.dir_path, **params)

    def open_theirs(self, **params):
        return S3FS(
            self.bucket,
            dir_path=self.dir_path,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            endpoint_url=ENDPOINT,
            region=REGION,
            delimiter=self.delimiter,
            **params,
        )

    def objects(self):
        """What is really there: size and content type by key."""
        root = f"{self.dir_path}/".lstrip("/").replace("/", self.delimiter)
        found = {}
        for key in keys(self.bucket, root):
            head = CLIENT.head_object(Bucket=self.bucket, Key=key)
            found[key[len(root) :]] = (head["ContentLength"], head["ContentType"])
        return found

class SameBucket(Place):
    """What holds in whichever way the bucket is opened."""

    def usable(self, names):
        """With the delimiter in it, a name is a path to the original, and an error to ours."""
        return [name for name in names if self.delimiter not in name]

    def make_tree_with_theirs(self):
        for directory in DIRECTORIES:
            self.theirs.makedirs(directory, recreate=True)
        for path, content in FILES.items():
            self.theirs.writebytes(path, content)

    def make_tree_with_ours(self, ours):
        for directory in DIRECTORIES:
            ours("mkdir", directory)
        for path, content in FILES.items():
            ours("put", path, stdin=content)

    def check_tree_with_theirs(self):
        fs = self.theirs
        self.assertEqual(everything(fs), TREE)
        for directory in DIRECTORIES:
            self.assertTrue(fs.isdir(directory), directory)
            self.assertFalse(fs.isfile(directory), directory)
            self.assertTrue(fs.exists(directory), directory)
            names = {path[len(directory) :] for path in TREE if path.startswith(directory) and path != directory}
            children = {name for name in names if "/" not in name.rstrip("/")}
            self.assertEqual(sorted(fs.listdir(directory)), sorted(name.rstrip("/") for name in children))
            scanned = {info.name + "/" * info.is_dir for info in fs.scandir(directory)}
            self.assertEqual(scanned, children)
            self.assertEqual(fs.isempty(directory), not children)
        for path, content in FILES.items():
            self.assertTrue(fs.isfile(path), path)
            self.assertFalse(fs.isdir(path), path)
            self.assertEqual(fs.readbytes(path), content)
            self.assertEqual(fs.getsize(path), len(content))

    # --- made by the original, seen by ours ---

    def test_ours_sees_the_tree_that_the_original_made(self):
        self.make_tree_with_theirs()
        self.assertEqual(self.ours.find(), TREE)
        self.assertEqual(self.ours_not_strict.find(), TREE)
        self.assertEqual(sorted(self.ours.ls()), ["docs/", "empty file", "hollow/", "top.txt"])
        self.assertEqual(self.ours.ls("docs/nothing here"), [])
        self.assertEqual(int(self.ours("du")), sum(map(len, FILES.values())))
        for path, content in FILES.items():
            self.assertEqual(self.ours.bytes("cat", path), content)
            self.assertEqual(self.ours("type", path), "file\n")
            self.assertEqual(int(self.ours.info(path)["size"]), len(content))
        for path in DIRECTORIES:
            self.assertEqual(self.ours("type", path), "directory\n")
            self.assertEqual(self.ours.info(path)["size"], "0")
        for path in TREE:
            self.assertEqual(self.ours("exists", path), "true\n")

    def test_ours_changes_the_tree_of_the_original_and_the_original_follows(self):
        self.make_tree_with_theirs()
        fs, ours = self.theirs, self.ours
        ours("append", "docs/read me.html", stdin=b"more")
        self.assertEqual(fs.readbytes("docs/read me.html"), b"# hello\nmore")
        ours("put", "top.txt", stdin=b"new")
        self.assertEqual(fs.readbytes("top.txt"), b"new")
        ours("touch", "docs/touched")
        self.assertEqual(fs.getsize("docs/touched"), 0)
        ours("cp", "docs/2026/raw.bin", "hollow/copy.bin")
        self.assertEqual(fs.readbytes("hollow/copy.bin"), bytes(range(256)))
        ours("mv", "hollow/copy.bin", "hollow/deep/moved.bin")
        self.assertFalse(fs.exists("hollow/copy.bin"))
        self.assertEqual(fs.readbytes("hollow/deep/moved.bin"), bytes(range(256)))
        ours("rm", "empty file")
        ours("rmdir", "docs/nothing here")
        ours("mkdir", "copied")
        ours("cpdir", "docs", "copied/docs")
        ours("mvdir", "docs/2026", "2026")
        ours("rmtree", "hollow")
        docs = {"/docs/", "/docs/read me.html", "/docs/touched"}
        moved = {"/2026/", "/2026/ü/", "/2026/ü/日本.csv", "/2026/raw.bin"}
        copied = {f"/copied{path}" for path in docs} | {f"/copied/docs{path}" for path in moved}
        expected = {"/top.txt", "/copied/"} | docs | moved | copied
        self.assertEqual(everything(fs), expected)
        self.assertEqual(ours.find(), expected)

    def test_the_original_changes_the_tree_of_ours_and_ours_follows(self):
        self.make_tree_with_ours(self.ours)
        fs, ours = self.theirs, self.ours
        fs.appendbytes("docs/read me.html", b"more")
        self.assertEqual(ours("cat", "docs/read me.html"), "# hello\nmore")
        fs.move("docs/2026/raw.bin", "hollow/moved.bin")
        fs.copy("top.txt", "docs/copy.txt")
        fs.remove("empty file")
        fs.removedir("docs/nothing here")
        fs.removetree("docs/2026")
        expected = {"/top.txt", "/docs/", "/docs/read me.html", "/docs/copy.txt"}
        expected |= {"/hollow/", "/hollow/deep/", "/hollow/moved.bin"}
        self.assertEqual(ours.find(), expected)
        self.assertEqual(ours("cat", "docs/copy.txt"), "top")
        self.assertEqual(everything(fs), expected)

    # --- made by ours, seen by the original ---

    def test_the_original_sees_the_tree_that_ours_made(self):
        self.make_tree_with_ours(self.ours)
        self.check_tree_with_theirs()

    def test_the_original_sees_the_tree_that_ours_made_without_strict(self):
        self.make_tree_with_ours(self.ours_not_strict)
        self.check_tree_with_theirs()

    def test_makedirs_makes_every_level_for_the_other(self):
        self.ours("makedirs", "by/ours/deep")
        self.theirs.makedirs("by/theirs/deep")
        self.ours_not_strict("makedirs", "by/ours without/strict")
        expected = {"/by/", "/by/ours/", "/by/ours/deep/", "/by/theirs/", "/by/theirs/deep/"}
        expected |= {"/by/ours without/", "/by/ours without/strict/"}
        self.assertEqual(everything(self.theirs), expected)
        self.assertEqual(self.ours.find(), expected)

    # --- names ---

    # (Most of it without strict, which asks less and has no part in names.)

    def test_every_name_of_a_file_is_the_same_for_both(self):
        self.theirs.makedir("theirs")
        self.ours("mkdir", "ours")
        names = self.usable(NAMES)
        for name in names:
            with self.subTest(name=name):
                content = name.encode()
                self.theirs_not_strict.writebytes(f"theirs/{name}", content)
                self.assertEqual(self.ours.bytes("cat", f"theirs/{name}"), content)
                self.ours_not_strict("put", f"ours/{name}", stdin=content)
                self.assertEqual(self.theirs_not_strict.readbytes(f"ours/{name}"), content)
        self.assertEqual(sorted(self.ours.ls("theirs")), sorted(names))
        self.assertEqual(sorted(self.theirs.listdir("ours")), sorted(names))
        self.assertEqual({info.name for info in self.theirs.scandir("ours")}, set(names))

    def test_every_name_of_a_directory_is_the_same_for_both(self):
        self.theirs.makedir("theirs")
        self.ours("mkdir", "ours")
        # The answer to a listing repeats the prefix, and XML cannot carry a control character: the parser
        # of boto3 fails, ours leaves the prefix alone.
        names = [name for name in self.usable(NAMES) if name != "\x01control"]
        for name in names:
            with self.subTest(name=name):
                self.theirs.makedir(f"theirs/{name}")
                self.theirs_not_strict.writebytes(f"theirs/{name}/x", b"x")
                self.assertEqual(self.ours.ls(f"theirs/{name}"), ["x"])
                self.ours_not_strict("mkdir", f"ours/{name}")
                self.ours_not_strict("put", f"ours/{name}/x", stdin=b"x")
                self.assertTrue(self.theirs.isdir(f"ours/{name}"))
                self.assertEqual(self.theirs.listdir(f"ours/{name}"), ["x"])
        self.assertEqual(sorted(self.ours.ls("theirs")), sorted(f"{name}/" for name in names))
        listed = {name for name in names if not UNREADABLE_IN_MOTO & set(name)}
        self.assertLessEqual(listed, set(self.theirs.listdir("ours")))
        self.assertEqual(len(self.theirs.listdir("ours")), len(names))

    # --- the objects themselves ---

    def test_both_store_the_same_objects(self):
        self.make_tree_with_theirs()
        theirs = self.objects()
        for path in ["docs", "hollow"]:
            self.theirs.removetree(path)
        for path in ["top.txt", "empty file"]:
            self.theirs.remove(path)
        self.assertEqual(self.objects(), {})
        self.make_tree_with_ours(self.ours)
        self.assertEqual(self.objects(), theirs)
        marker = "hollow/deep/".replace("/", self.delimiter)
        self.assertEqual(theirs[marker], (0, "binary/octet-stream"))

    # --- directories that lose what is in them ---

    def test_a_directory_that_ours_emptied_stays_one_for_the_original(self):
        self.theirs.makedirs("a/b")
        self.theirs.writebytes("a/b/f", b"x")
        self.ours("rm", "a/b/f")
        self.assertTrue(self.theirs.isdir("a/b"))
        self.assertEqual(self.theirs.listdir("a/b"), [])
        self.ours("rmdir", "a/b")
        self.assertFalse(self.theirs.exists("a/b"))
        self.assertTrue(self.theirs.isdir("a"))

    def test_a_directory_that_the_original_emptied_stays_one_for_ours(self):
        self.ours("makedirs", "a/b")
        self.ours("put", "a/b/f", stdin=b"x")
        self.theirs.remove("a/b/f")
        self.assertEqual(self.ours("type", "a/b"), "directory\n")
        self.assertEqual(self.ours.ls("a/b"), [])
        self.theirs.removedir("a/b")
        self.assertEqual(self.ours("exists", "a/b"), "false\n")
        self.assertEqual(self.ours("type", "a"), "directory\n")

    def test_a_directory_that_never_had_a_marker_gets_one_when_ours_empties_it(self):
        self.ours_not_strict("put", "implicit/f", stdin=b"x")
        self.ours("mv", "implicit/f", "g")
        self.assertTrue(self.theirs.isdir("implicit"))
        self.assertEqual(self.theirs.listdir("implicit"), [])

    def test_without_strict_a_directory_without_a_marker_vanishes_for_both(self):
        self.ours_not_strict("put", "implicit/f", stdin=b"x")
        self.ours_not_strict("rm", "implicit/f")
        self.assertEqual(self.ours("exists", "implicit"), "false\n")
        self.assertFalse(self.theirs.exists("implicit"))
        self.assertEqual(self.objects(), {})

    # --- where the original is wrong ---

    def test_ours_sees_directories_without_markers_and_the_original_half_does(self):
        self.ours_not_strict("put", "a/b/f", stdin=b"x")
        self.assertEqual(self.ours.find(), {"/a/", "/a/b/", "/a/b/f"})
        self.assertEqual(self.ours.ls("a"), ["b/"])
        self.assertEqual(self.ours("type", "a/b"), "directory\n")
        self.assertEqual(self.ours("cat", "a/b/f"), "x")
        # The original lists by prefix, and so finds it ...
        self.assertEqual(self.theirs.listdir("/"), ["a"])
        self.assertEqual(self.theirs.listdir("a/b"), ["f"])
        # ... but `isdir`, `exists`, `getinfo` and what calls them (`scandir`, `walk`) ask for the marker
        # object (`_get_object`), and `getinfo` for the marker of the directory that a file is in.
        self.assertFalse(self.theirs.isdir("a"))
        self.assertFalse(self.theirs.exists("a/b"))
        with self.assertRaises(errors.ResourceNotFound):
            everything(self.theirs)
        with self.assertRaises(errors.ResourceNotFound):
            self.theirs.readbytes("a/b/f")
        self.assertEqual(self.theirs_not_strict.readbytes("a/b/f"), b"x")

    def test_mkdir_without_strict_gives_the_original_the_markers_that_it_needs(self):
        self.ours_not_strict("put", "a/b/f", stdin=b"x")
        self.ours_not_strict("makedirs", "a/b")
        self.assertEqual(everything(self.theirs), {"/a/", "/a/b/", "/a/b/f"})
        self.assertEqual(self.theirs.readbytes("a/b/f"), b"x")

    def test_a_file_and_a_directory_of_one_name_are_both_there(self):
        self.theirs.writebytes("both", b"file")
        self.theirs_not_strict.writebytes("both/inside", b"inside")
        self.assertEqual(sorted(self.ours.ls()), ["both", "both/"])
        self.assertEqual(self.ours.ls("both"), ["inside"])
        self.assertEqual(self.ours("cat", "both"), "file")
        self.assertEqual(self.ours("cat", "both/inside"), "inside")
        self.assertEqual(self.ours.find(), {"/both", "/both/", "/both/inside"})
        # The original lists the name twice, and takes it for the file alone.
        self.assertEqual(self.theirs.listdir("/"), ["both", "both"])
        self.assertFalse(self.theirs.isdir("both"))
        self.ours("rm", "both")
        self.assertEqual(self.ours.find(), {"/both/", "/both/inside"})

    def test_both_refuse_the_same(self):
        self.theirs.makedirs("dir/full")
        self.theirs.writebytes("dir/file", b"x")
        self.theirs.writebytes("dir/other", b"y")
        self.theirs.writebytes("dir/full/file", b"x")
        before = self.objects()
        fs = self.theirs
        cases = [
            ("resource not found", errors.ResourceNotFound, ["cat", "no"], lambda: fs.readbytes("no")),
            ("resource not found", errors.ResourceNotFound, ["ls", "no"], lambda: fs.listdir("no")),
            ("resource not found", errors.ResourceNotFound, ["info", "no"], lambda: fs.getinfo("no")),
            ("resource not found", errors.ResourceNotFound, ["put", "no/f"], lambda: fs.writebytes("no/f", b"")),
            ("resource not found", errors.ResourceNotFound, ["append", "no/f"], lambda: fs.appendbytes("no/f", b"")),
            ("resource not found", errors.ResourceNotFound, ["touch", "no/f"], lambda: fs.touch("no/f")),
            ("resource not found", errors.ResourceNotFound, ["mkdir", "no/d"], lambda: fs.makedir("no/d")),
            ("resource not found", errors.ResourceNotFound, ["rm", "no"], lambda: fs.remove("no")),
            ("resource not found", errors.ResourceNotFound, ["rmdir", "no"], lambda: fs.removedir("no")),
            ("resource not found", errors.ResourceNotFound, ["cp", "no", "to"], lambda: fs.copy("no", "to")),
            ("resource not found", errors.ResourceNotFound, ["cp", "dir/file", "no/f"], lambda: fs.copy("dir/file", "no/f")),
            ("resource not found", errors.ResourceNotFound, ["mv", "no", "to"], lambda: fs.move("no", "to")),
            ("a file is expected, and this is a directory", errors.FileExpected, ["cat", "dir"], lambda: fs.readbytes("dir")),
            ("a file is expected, and this is a directory", errors.FileExpected, ["put", "dir"], lambda: fs.writebytes("dir", b"")),
            ("a file is expected, and this is a directory", errors.FileExpected, ["rm", "dir"], lambda: fs.remove("dir")),
            ("a file is expected, and this is a directory", errors.FileExpected, ["cp", "dir", "to"], lambda: fs.copy("dir", "to")),
            ("a directory is expected, and this is a file", errors.DirectoryExpected, ["ls", "dir/file"], lambda: fs.listdir("dir/file")),
            ("a directory is expected, and this is a file", errors.DirectoryExpected, ["rmdir", "dir/file"], lambda: fs.removedir("dir/file")),
            ("already exists", errors.DirectoryExists, ["mkdir", "dir"], lambda: fs.makedir("dir")),
            ("already exists", errors.DirectoryExists, ["mkdir", "dir/file"], lambda: fs.makedir("dir/file")),
            ("already exists", errors.DirectoryExists, ["makedirs", "dir/full"], lambda: fs.makedirs("dir/full")),
            ("directory is not empty", errors.DirectoryNotEmpty, ["rmdir", "dir"], lambda: fs.removedir("dir")),
            ("destination exists", errors.DestinationExists, ["cp", "dir/file", "dir/other"], lambda: fs.copy("dir/file", "dir/other")),
            ("destination exists", errors.DestinationExists, ["mv", "dir/file", "dir/other"], lambda: fs.move("dir/file", "dir/other")),
            ("destination exists", errors.DestinationExists, ["cp", "dir/file", "dir/full"], lambda: fs.copy("dir/file", "dir/full")),
        ]  # fmt: skip
        for phrase, exception, command, theirs in cases:
            with self.subTest(command=command):
                with self.assertRaises(exception):
                    theirs()
                self.assertEqual(self.ours.error(*command), phrase)
        self.assertEqual(self.objects(), before)


class Contents(Place, unittest.TestCase):
    """What single files are, which is the same in whichever way the bucket is opened."""

    def test_content_types_are_guessed_alike(self):
        self.theirs.makedir("theirs")
        self.ours("mkdir", "ours")
        # None that has got another name in a newer Python, as JavaScript has.
        extensions = [
            "txt", "csv", "html", "css", "json", "xml", "pdf", "zip", "tar", "tar.gz", "tgz", "gz", "png", "jpg",
            "jpeg", "gif", "svg", "mp3", "mp4", "py", "sh", "TXT", "Html", "unknown", "tar.Z", "txt.bz2",
        ]  # fmt: skip
        for name in ["file", ".txt", ".hidden.txt", *(f"a.{extension}" for extension in extensions)]:
            with self.subTest(name=name):
                self.theirs.writebytes(f"theirs/{name}", b"x")
                self.ours("put", f"ours/{name}", stdin=b"x")
                theirs = self.theirs.getinfo(f"theirs/{name}", ["s3"]).get("s3", "content_type")
                self.assertEqual(self.theirs.getinfo(f"ours/{name}", ["s3"]).get("s3", "content_type"), theirs)
                self.assertEqual(self.ours.info(f"theirs/{name}")["content_type"], theirs)

    def test_size_time_and_etag_are_the_same_for_both(self):
        self.theirs.writebytes("theirs.txt", b"12345")
        self.ours("put", "ours.txt", stdin=b"12345")
        self.theirs.makedir("directory")
        for path in ["theirs.txt", "ours.txt", "directory"]:
            ours = self.ours.info(path)
            theirs = self.theirs.getinfo(path, ["details", "s3"])
            self.assertEqual(int(ours["size"]), theirs.size)
            self.assertEqual(ours["type"], theirs.type.name)
            self.assertEqual(ours["e_tag"], theirs.get("s3", "e_tag"))
            modified = datetime.strptime(ours["modified"][:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
            self.assertEqual(int(modified.timestamp()), int(theirs.modified.timestamp()))

    def test_content_type_and_cache_control_stay_when_ours_copies_moves_and_appends(self):
        fs = self.open_theirs(cache_control="max-age=60")
        fs.writebytes("page.html", b"<p>")
        self.ours("append", "page.html", stdin=b"!")
        self.ours("cp", "page.html", "copy.html")
        self.ours("mv", "page.html", "moved.bin")
        for path in ["copy.html", "moved.bin"]:
            info = fs.getinfo(path, ["s3"])
            self.assertEqual(info.get("s3", "content_type"), "text/html")
            self.assertEqual(info.get("s3", "cache_control"), "max-age=60")
            self.assertEqual(fs.readbytes(path), b"<p>!")

    def test_a_large_file_arrives_whole_both_ways(self):
        # boto3 uploads from 8 MiB on in parts.
        content = os.urandom(9 << 20)
        self.theirs.upload("theirs.bin", io.BytesIO(content))
        self.assertEqual(self.ours.bytes("cat", "theirs.bin"), content)
        self.ours("append", "theirs.bin", stdin=b"end")
        self.assertEqual(self.theirs.readbytes("theirs.bin"), content + b"end")
        self.ours("put", "ours.bin", stdin=content)
        self.assertEqual(self.theirs.readbytes("ours.bin"), content)

    def test_the_urls_of_both_give_the_same_file(self):
        self.theirs.writebytes("ü b+c.txt", b"content")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for url in [self.ours("url", "ü b+c.txt").strip(), self.theirs.geturl("ü b+c.txt")]:
            with opener.open(url, timeout=60) as answer:
                self.assertEqual(answer.read(), b"content")


class InDirPath(SameBucket, unittest.TestCase):
    pass


class InWholeBucket(SameBucket, unittest.TestCase):
    def place(self):
        empty(RUN)
        return RUN, ""


class UnderDelimiter(SameBucket, unittest.TestCase):
    # Of one character: the original strips a longer one from names as if it were a set of characters
    # (`rstrip` in `_get_object`, `listdir` and `scandir`).
    delimiter = "|"


class FsUrls(unittest.TestCase):
    def test_one_fs_url_opens_the_same_directory_for_both(self):
        credentials = f"{quote(KEY, safe='')}:{quote(SECRET, safe='')}"
        for strict in "01":
            dir_path = f"{RUN}/FsUrls-{strict}/ü b"
            query = f"endpoint_url={quote(ENDPOINT, safe='')}&strict={strict}&cache_control=max-age%3D60"
            url = f"s3://{credentials}@{BUCKET}/{quote(dir_path)}?{query}"
            with open_fs(url) as fs:
                fs.writebytes("theirs.txt", b"theirs")
                self.assertEqual(run_tool(url, "cat", "theirs.txt").stdout, b"theirs")
                self.assertEqual(run_tool(url, "put", "ours.txt", stdin=b"ours").returncode, 0)
                self.assertEqual(fs.readbytes("ours.txt"), b"ours")
                for name in ["theirs.txt", "ours.txt"]:
                    self.assertEqual(fs.getinfo(name, ["s3"]).get("s3", "cache_control"), "max-age=60")
                # What stands in the URL reaches S3: without strict no parent needs to be there.
                done = run_tool(url, "put", "no/such/directory", stdin=b"x")
                self.assertEqual(done.returncode, int(strict))


def keys(bucket, prefix=""):
    for page in CLIENT.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            yield entry["Key"]


def empty(bucket, prefix=""):
    for key in keys(bucket, prefix):
        CLIENT.delete_object(Bucket=bucket, Key=key)


def make_buckets():
    CLIENT.create_bucket(Bucket=RUN)
    try:
        CLIENT.head_bucket(Bucket=BUCKET)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        CLIENT.create_bucket(Bucket=BUCKET)


def remove_what_was_made():
    empty(BUCKET, RUN)
    empty(RUN)
    CLIENT.delete_bucket(Bucket=RUN)


def main():
    make_buckets()
    try:
        tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
        result = unittest.TextTestRunner(verbosity=2).run(tests)
    finally:
        remove_what_was_made()
    # A test of which several parts failed is one.
    failed = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors}
    passed = result.testsRun - len(failed)
    print(f"{passed} passed, {len(failed)} failed", flush=True)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    TOOL, ENDPOINT, KEY, SECRET, BUCKET = sys.argv[1:]
    TOOL = os.path.abspath(TOOL)
    RUN = f"s3fs-interop-{uuid.uuid4().hex[:12]}"
    CLIENT = boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name=REGION,
    )
    sys.exit(main())
