//! Embeds the console's static files: `assets/dist` when it was built, else the fallback.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let assets = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("assets");
    let dist = assets.join("dist");
    let built = dist.join("muster.css").is_file();
    let mut files = Vec::new();
    if built {
        println!("cargo::rerun-if-changed=assets/dist");
        collect(&dist, &mut files)?;
    } else {
        // The folder itself is watched, so that a first build of the assets is noticed.
        println!("cargo::rerun-if-changed=assets");
        collect(&assets.join("fallback"), &mut files)?;
        collect(&assets.join("src"), &mut files)?;
    }
    files.sort();

    let mut code = format!("const BUILT: bool = {built};\nstatic FILES: &[Asset] = &[\n");
    for file in &files {
        write_asset(&mut code, file)?;
    }
    code.push_str("];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("assets.rs"), code)?;
    Ok(())
}

/// The files of a folder that browsers can use.
fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() && content_type(&path).is_some() {
            into.push(path);
        }
    }
    Ok(())
}

fn write_asset(code: &mut String, file: &Path) -> Result<(), Box<dyn Error>> {
    let (Some(name), Some(stem), Some(extension), Some(content_type)) = (
        file.file_name().and_then(|text| text.to_str()),
        file.file_stem().and_then(|text| text.to_str()),
        file.extension().and_then(|text| text.to_str()),
        content_type(file),
    ) else {
        return Ok(());
    };
    let hash = fnv1a(&fs::read(file)?);
    let compressed = file.with_file_name(format!("{name}.gz"));
    let gzip = if compressed.is_file() {
        format!("Some({})", embedded(&compressed)?)
    } else {
        "None".to_owned()
    };
    let body = embedded(file)?;
    writeln!(
        code,
        "    Asset {{ name: {name:?}, url: \"/assets/{stem}-{hash:016x}.{extension}\", \
         content_type: {content_type:?}, body: {body}, gzip: {gzip} }},"
    )?;
    Ok(())
}

/// The expression that embeds a file: its copy beside the generated code, which stays where that
/// is when the sources move.
fn embedded(file: &Path) -> Result<String, Box<dyn Error>> {
    let name = file
        .file_name()
        .and_then(|text| text.to_str())
        .ok_or("a file without a name")?;
    fs::copy(file, PathBuf::from(env::var("OUT_DIR")?).join(name))?;
    Ok(format!(
        "include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\"))"
    ))
}

fn content_type(file: &Path) -> Option<&'static str> {
    match file.extension()?.to_str()? {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "txt" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}

/// FNV-1a, 64 bits: tells versions of a file apart; not for security.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
