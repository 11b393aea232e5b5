//! File systems of their own: one whose power can be cut, and small ones that fill up.
//!
//! They need root and loop devices. Where those are missing, a short run says so aloud and goes on.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether this machine lets us mount. A long run, and one in CI, must not go without.
pub(crate) fn can_mount() -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let tried = Tmpfs::mount(folder.path(), "size=64k");
    let Err(reason) = tried else { return true };
    let must = ["CI", "SOAK"].into_iter().any(|name| std::env::var_os(name).is_some());
    assert!(!must, "file systems cannot be mounted: {reason}");
    eprintln!("SKIPPED, since file systems cannot be mounted here: {reason}");
    false
}

/// An ext4 in a file.
pub(crate) struct Disk {
    image: PathBuf,
    at: PathBuf,
}

impl Disk {
    /// The image is put beside the folder that it is mounted on.
    pub(crate) fn mount(at: PathBuf, size: &str) -> Self {
        let disk = Self { image: at.with_extension("img"), at };
        std::fs::create_dir_all(&disk.at).expect("a folder to mount on");
        let image = disk.image.to_str().expect("text");
        run("truncate", &["-s", size, image]).expect("a sparse file");
        run("mkfs.ext4", &["-q", "-F", "-m", "0", image]).expect("a file system");
        disk.plug_in();
        // What mkfs made is not at stake.
        run("sync", &["-f", disk.path()]).expect("synced");
        disk
    }

    /// As if the power were cut: what was not synced never reaches a disk. No later write does either. They go
    /// one right after the other.
    pub(crate) fn cut_power<'d>(disks: impl IntoIterator<Item = &'d Self>) {
        const SHUTDOWN_WITHOUT_FLUSH: &str = "import fcntl, os, struct, sys
disks = [os.open(path, os.O_RDONLY) for path in sys.argv[1:]]
[fcntl.ioctl(disk, 0x8004587d, struct.pack('I', 2)) for disk in disks]";
        let mut arguments = vec!["-c", SHUTDOWN_WITHOUT_FLUSH];
        arguments.extend(disks.into_iter().map(Self::path));
        run("python3", &arguments).expect("they are shut down");
    }

    /// Nobody may have a file open any more.
    pub(crate) fn unplug(&self) {
        run("umount", &[self.path()]).expect("unmounted");
    }

    pub(crate) fn plug_in(&self) {
        let image = self.image.to_str().expect("text");
        run("mount", &["-o", "loop", image, self.path()]).expect("mounted");
    }

    fn path(&self) -> &str {
        self.at.to_str().expect("text")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", self.path()]);
        let _ = std::fs::remove_file(&self.image);
    }
}

/// A file system in memory.
pub(crate) struct Tmpfs(PathBuf);

impl Tmpfs {
    pub(crate) fn mount(at: &Path, options: &str) -> io::Result<Self> {
        std::fs::create_dir_all(at)?;
        run("mount", &["-t", "tmpfs", "-o", options, "none", at.to_str().expect("text")])?;
        Ok(Self(at.to_owned()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", self.0.to_str().expect("text")]);
    }
}

/// A folder that can only be read for as long as this lives, also for those who had it open before.
pub(crate) struct ReadOnly(PathBuf);

impl ReadOnly {
    /// A second, read-only mount of the folder over itself: open files are no obstacle.
    pub(crate) fn cover(folder: &Path) -> Self {
        let path = folder.to_str().expect("text");
        run("mount", &["--bind", path, path]).expect("covered");
        let cover = Self(folder.to_owned());
        run("mount", &["-o", "remount,bind,ro", path]).expect("read-only");
        cover
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", self.0.to_str().expect("text")]);
    }
}

fn run(program: &str, arguments: &[&str]) -> io::Result<()> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{program} {arguments:?}: {}", said.trim())))
}
