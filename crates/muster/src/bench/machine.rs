//! What the measurement runs on, and what a process used of it.

use std::{
    fs,
    io::{Seek as _, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;

/// Linux counts processor time in hundredths of a second on every common platform.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processors, memory, kernel, version of Muster, and the cost of writing through to the disk below `folder`.
pub(super) fn describe(folder: &Path) -> anyhow::Result<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = field(&cpu, "model name").unwrap_or("unknown processor");
    let memory = read("/proc/meminfo");
    let memory: f64 = field(&memory, "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").parse().ok())
        .unwrap_or(0.0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = read("/proc/loadavg");
    Ok(format!(
        "Muster {} on {cores} x {model}, {:.0} GiB, Linux {}; a durable write of 4 KiB takes {:.2} ms; load average before {}",
        env!("CARGO_PKG_VERSION"),
        memory / 1_048_576.0,
        read("/proc/sys/kernel/osrelease").trim(),
        sync_cost(folder)?.as_secs_f64() * 1e3,
        load.split(' ').next().unwrap_or("unknown"),
    ))
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        Some(
            line.strip_prefix(name)?
                .trim_start()
                .strip_prefix(':')?
                .trim(),
        )
    })
}

/// The median of some writes of one page that are waited for.
fn sync_cost(folder: &Path) -> anyhow::Result<Duration> {
    let path = folder.join("sync");
    let mut file =
        fs::File::create(&path).with_context(|| format!("writing in {}", folder.display()))?;
    let mut costs = Vec::new();
    for round in 0..101_u8 {
        let start = Instant::now();
        file.rewind()?;
        file.write_all(&[round; 4096])?;
        file.sync_data()?;
        costs.push(start.elapsed());
    }
    fs::remove_file(path)?;
    costs.sort_unstable();
    Ok(costs[costs.len() / 2])
}

/// What a process used so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usage {
    /// Seconds of processor time.
    pub(super) cpu: f64,
    /// Bytes of memory, as the kernel counts resident pages.
    pub(super) resident: u64,
}

/// Asks the kernel about a process; `self` is this one.
pub(super) fn usage(process: &str) -> anyhow::Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    Ok(Usage {
        cpu: cpu_of(&stat).context("the kernel gave no processor time")?,
        resident: field(&status, "VmRSS")
            .and_then(|text| text.trim_end_matches(" kB").trim().parse::<u64>().ok())
            .context("the kernel gave no VmRSS")?
            * 1024,
    })
}

/// Seconds in which any processor of the machine was busy.
pub(super) fn busy() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let numbers: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|text| text.parse().ok())
        .collect();
    // user, nice, system, idle, iowait, irq, softirq
    let idle: f64 = numbers.iter().skip(3).take(2).sum();
    (numbers.iter().take(8).sum::<f64>() - idle) / TICKS_PER_SECOND
}

/// The fields after the name, which may itself hold spaces: utime and stime are the 12th and 13th.
fn cpu_of(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let user: f64 = fields.get(11)?.parse().ok()?;
    let system: f64 = fields.get(12)?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// The size of all files below a folder; what cannot be read counts nothing.
pub(super) fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_may_hold_anything() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 1 0 0 0 250 50 0 0 20 0 4 0 1 1 1";
        assert_eq!(cpu_of(stat), Some(3.0));
        assert_eq!(cpu_of("7 (a"), None);
    }

    #[test]
    fn this_process_has_memory_and_its_files_have_sizes() {
        assert!(usage("self").unwrap().resident > 1_000_000);
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("inner/file"), [0; 100]).unwrap();
        assert_eq!(bytes_below(folder.path()), 100);
        assert!(sync_cost(folder.path()).unwrap() > Duration::ZERO);
    }
}
