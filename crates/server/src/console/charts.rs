//! Charts written by the server as SVG, each with its table.

use askama::Template;

use super::format;

/// One bar of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What is counted.
    pub label: String,
    /// How many.
    pub value: u64,
    /// Where the things counted are listed; empty for nowhere.
    pub href: String,
}

/// A chart of horizontal bars, for counts by kind.
///
/// Widths are percentages of the element, so that the letters keep their size
/// at any width.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "components/bar_chart.html")]
pub struct BarChart {
    /// Unique on the page; becomes part of element ids.
    pub id: String,
    /// What the chart shows.
    pub title: String,
    /// Heading of the label column in the table.
    pub kind: String,
    /// Heading of the number column in the table: "Devices".
    pub unit: String,
    /// The bars, in the order shown.
    pub bars: Vec<Bar>,
}

/// Height of one bar with its label, in CSS pixels.
const ROW: usize = 40;

impl BarChart {
    fn height(&self) -> usize {
        self.bars.len() * ROW
    }

    fn rows(&self) -> Vec<Row<'_>> {
        let most = self
            .bars
            .iter()
            .map(|bar| bar.value)
            .max()
            .unwrap_or(0)
            .max(1);
        self.bars
            .iter()
            .enumerate()
            .map(|(position, bar)| Row {
                bar,
                text_y: position * ROW + 15,
                bar_y: position * ROW + 22,
                width: percent(bar.value, most),
            })
            .collect()
    }

    fn total(&self) -> u64 {
        self.bars.iter().map(|bar| bar.value).sum()
    }

    /// The share of one bar in the whole, such as "12.5%".
    fn share(&self, value: &u64) -> String {
        percent(*value, self.total().max(1))
    }
}

impl askama::filters::HtmlSafe for BarChart {}

/// A link as a QR code: dark modules on a white field in any theme, because readers expect that.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "components/qr_code.html")]
pub struct QrCode {
    label: String,
    side: usize,
    path: String,
}

/// The text does not fit a QR code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text is too long for a QR code")]
pub struct TooLong;

impl QrCode {
    /// Encodes `text` with medium error correction; `label` says what it is.
    ///
    /// # Errors
    ///
    /// [`TooLong`] above about 2,300 bytes.
    pub fn new(text: &str, label: &str) -> Result<Self, TooLong> {
        const QUIET: usize = 4;
        let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::M)
            .map_err(|_| TooLong)?;
        let width = code.width();
        let colors = code.to_colors();
        let mut path = String::new();
        for (y, row) in colors.chunks(width).enumerate() {
            let mut x = 0;
            while x < row.len() {
                let run = row[x..]
                    .iter()
                    .take_while(|color| **color == qrcode::Color::Dark)
                    .count();
                if run > 0 {
                    path.push_str(&format!("M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET));
                }
                x += run.max(1);
            }
        }
        Ok(Self {
            label: label.to_owned(),
            side: width + 2 * QUIET,
            path,
        })
    }
}

impl askama::filters::HtmlSafe for QrCode {}

struct Row<'a> {
    bar: &'a Bar,
    text_y: usize,
    bar_y: usize,
    width: String,
}

/// `part` of `whole` to one decimal place, computed without floating point.
fn percent(part: u64, whole: u64) -> String {
    let tenths = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole.max(1));
    format!("{}.{}%", tenths / 10, tenths % 10)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn chart(values: &[u64]) -> BarChart {
        BarChart {
            id: "state".to_owned(),
            title: "Devices by state".to_owned(),
            kind: "State".to_owned(),
            unit: "Devices".to_owned(),
            bars: values
                .iter()
                .map(|value| Bar {
                    label: format!("Kind {value}"),
                    value: *value,
                    href: format!("/devices?n={value}&x=1"),
                })
                .collect(),
        }
    }

    #[test]
    fn every_bar_is_drawn_to_scale_and_stands_in_the_table() {
        let html = chart(&[200, 50]).to_string();
        assert!(html.contains("width=\"100.0%\""), "{html}");
        assert!(html.contains("width=\"25.0%\""), "{html}");
        assert_eq!(
            html.matches("<tr").count(),
            4,
            "header, two rows and total: {html}"
        );
        assert!(html.contains("n=50&#38;x=1"), "{html}");
        assert!(html.contains("20.0%"), "share of the whole: {html}");
    }

    #[test]
    fn an_empty_chart_says_so() {
        assert!(chart(&[]).to_string().contains("Nothing to show yet"));
        assert!(!chart(&[0]).to_string().contains("NaN"));
    }

    #[test]
    fn a_qr_code_has_its_quiet_zone_and_name() {
        let code = QrCode::new("https://mdm.example.org/enroll/abc", "Enrolment link").unwrap();
        let html = code.to_string();
        assert_eq!(code.side, 29 + 8, "version 3 and four modules on each side");
        assert!(
            html.contains("M4 4h7v1h-7z"),
            "finder pattern starts after the quiet zone: {html}"
        );
        assert!(html.contains("<title>Enrolment link</title>"), "{html}");
        assert_eq!(QrCode::new(&"x".repeat(4000), "l").unwrap_err(), TooLong);
    }
}
