//! docs/columns.md, from the table of columns.

use std::fmt::Write;

use arrow::datatypes::{DataType, TimeUnit};

use super::columns::{Column, tcp_columns, udp_columns};

/// All columns of both files as Markdown.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Columns\n\n\
         Generated from the table of columns by `goostat columns`. A name with `x_` stands for two columns: `c_` \
         (client) and `s_` (server). Types are Arrow's; `time` is `timestamp[ns, UTC]`. Group, unit, meaning and \
         Tstat's name of each column are also in the metadata of the Parquet fields.\n",
    );
    let tcp = tcp_columns(0);
    let udp = udp_columns(0);
    let shared = |name: &str| {
        tcp.iter().any(|column| column.name == name) && udp.iter().any(|column| column.name == name)
    };
    table(
        &mut text,
        "Both files",
        tcp.iter().filter(|column| shared(column.name)),
    );
    table(
        &mut text,
        "tcp.parquet",
        tcp.iter().filter(|column| !shared(column.name)),
    );
    table(
        &mut text,
        "udp.parquet",
        udp.iter().filter(|column| !shared(column.name)),
    );
    text
}

fn table<'a, F: 'a>(text: &mut String, title: &str, columns: impl Iterator<Item = &'a Column<F>>) {
    let _ = write!(
        text,
        "\n## {title}\n\n| column | type | group | unit | null | meaning | Tstat |\n|---|---|---|---|---|---|---|\n"
    );
    for column in columns {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            column.name,
            type_name(&column.data_type),
            column.group.name(),
            column.unit,
            column.null,
            column.doc,
            column.tstat,
        );
    }
}

fn type_name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::UInt8 => "u8",
        DataType::UInt16 => "u16",
        DataType::UInt32 => "u32",
        DataType::UInt64 => "u64",
        DataType::Int64 => "i64",
        DataType::Float64 => "f64",
        DataType::Boolean => "bool",
        DataType::Utf8 => "str",
        DataType::Timestamp(TimeUnit::Nanosecond, _) => "time",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::markdown;

    #[test]
    fn the_document_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/columns.md");
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written == markdown(),
            "docs/columns.md is not what the table says: run `goostat columns > docs/columns.md`"
        );
    }
}
