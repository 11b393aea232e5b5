//! What was measured: a line for each figure, and the file that machines read.

use std::path::Path;

use serde_json::json;

/// One figure beside its goal.
pub(crate) struct Row {
    pub(crate) workload: String,
    /// The median over the rounds, and the least and the greatest.
    pub(crate) value: Spread,
    pub(crate) goal: f64,
    pub(crate) better: Better,
    pub(crate) unit: &'static str,
    /// What it was computed from.
    pub(crate) detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (last, middle) = (values.len() - 1, values.len() / 2);
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Self { median, least: values[0], greatest: values[last] }
    }
}

impl Row {
    fn is_met(&self) -> bool {
        match self.better {
            Better::Higher => self.value.median >= self.goal,
            Better::Lower => self.value.median <= self.goal,
        }
    }

    #[expect(clippy::print_stdout, reason = "the table")]
    pub(crate) fn print(&self) {
        let Spread { median, least, greatest } = self.value;
        let unit = self.unit;
        let verdict = if self.is_met() { "met" } else { "missed" };
        let bound = match self.better {
            Better::Higher => '≥',
            Better::Lower => '≤',
        };
        let spread = format!("{least:.2} … {greatest:.2}");
        println!(
            "{:<34}{:>10}  {spread:<20}  {bound} {:<10}{verdict}",
            self.workload,
            format!("{median:.2} {unit}"),
            format!("{} {unit}", self.goal),
        );
        println!("    {}", self.detail);
    }
}

#[expect(clippy::print_stdout, reason = "the table")]
pub(crate) fn print_heading() {
    println!("\n{:<34}{:>10}  {:<20}  {:<12}", "workload", "median", "least … greatest", "goal");
}

/// Rows of other workloads, from earlier runs of one workload at a time, are not kept.
pub(crate) fn write(rows: &[Row], file: &Path) -> anyhow::Result<()> {
    let list: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "workload": row.workload,
                "ratio": row.value.median,
                "goal": row.goal,
                "better": match row.better { Better::Higher => "higher", Better::Lower => "lower" },
                "unit": row.unit,
                "spread": [row.value.least, row.value.greatest],
            })
        })
        .collect();
    std::fs::write(file, serde_json::to_string_pretty(&list)? + "\n")?;
    Ok(())
}
