//! Spreadsheets, made as operators make them, and as nobody does.

use std::io::{Cursor, Write};

use domain::metering::{Slot, Value};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{FileReadings, Input, Options, Problem, read_file};

/// A cell of a sheet's XML: a text, or a number where it begins with `#`.
fn cell(text: &str) -> String {
    match text.strip_prefix('#') {
        Some(number) => format!("<c><v>{number}</v></c>"),
        None => format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>"),
    }
}

/// The XML of a sheet with these rows; cells are apart by `|`.
fn sheet(rows: &[String]) -> String {
    let row = |row: &String| format!("<row>{}</row>", row.split('|').map(cell).collect::<String>());
    format!("<worksheet><sheetData>{}</sheetData></worksheet>", rows.iter().map(row).collect::<String>())
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A workbook with one sheet, and further entries.
fn workbook(xml: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let book = format!(
        "<workbook xmlns:r=\"{relations}\"><sheets><sheet name=\"Leituras\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
    );
    let links = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" \
         Type=\"{relations}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
    );
    let root = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" \
         Type=\"{relations}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
    );
    let entries = [
        ("_rels/.rels", root.as_bytes()),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/_rels/workbook.xml.rels", links.as_bytes()),
        ("xl/worksheets/sheet1.xml", xml.as_bytes()),
    ];
    archive(&[&entries, more].concat())
}

fn read(bytes: Vec<u8>) -> Result<FileReadings, Problem> {
    read_file(&Input { name: "file".to_owned(), bytes }, &Options::default()).map_err(|refused| refused.problem)
}

fn rows(rows: &[&str]) -> Vec<u8> {
    let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
    workbook(&sheet(&rows), &[])
}

/// What a file's meters have: start, import and export in kWh.
fn slots(read: &FileReadings) -> Vec<String> {
    let of = |(start, slot): (&i64, &Slot)| {
        let at = jiff::Timestamp::from_second(*start).unwrap().strftime("%dT%H:%M").to_string();
        let kwh = |value: Option<Value>| value.map_or("-".to_owned(), |value| value.grains.to_string());
        format!("{at} {} {}{}", kwh(slot.import), kwh(slot.export), if slot.is_estimated() { " e" } else { "" })
    };
    read.meters().flat_map(|(name, meter)| meter.slots.iter().map(move |slot| format!("{name} {}", of(slot)))).collect()
}

const CPE: &str = "PT0002000123456789AN";

#[test]
fn e_redes_of_5_columns_is_mean_power_stamped_with_ends_and_the_repeated_hour_is_interleaved() {
    let heading = "Contador|Data|Hora|Consumo registado, Ativa (kW)|Estado";
    let cpe = format!("CPE|{CPE}");
    let read = read(rows(&[
        "Dados Gerais",
        &cpe,
        "Intervalo|15 min",
        heading,
        "0001|2024/10/27|00:00|#0.32400000000000001|Real",
        "0001|2024/10/27|01:00|#0.4|Real",
        "0001|2024/10/27|01:00|#0.8|Estimada",
        "0001|2024/10/27|01:15|#1.2|Real",
        "0001|2024/10/27|01:15|#1.6|Real",
    ]))
    .unwrap();
    let expected = [
        "26T22:45 0.081 kWh -",
        "26T23:45 0.100 kWh -",
        "27T00:00 0.300 kWh -",
        "27T00:45 0.200 kWh - e",
        "27T01:00 0.400 kWh -",
    ];
    assert_eq!((read.about.name, slots(&read)), ("e-redes-5", expected.map(|slot| format!("{CPE} {slot}")).to_vec()));
}

#[test]
fn e_redes_of_10_columns_has_a_state_for_each_series_and_text_cells() {
    let heading = "Data|Hora|Consumo medido na IC, Ativa (kW)|Estado|Injeção na rede medida na IC, Ativa (kW)|Estado|\
        Consumo registado (kW)|Estado|Injeção registada (kW)|Estado";
    let cpe = format!("CPE|{CPE}");
    let read = read(rows(&[&cpe, heading, "2024/09/14|00:00|1,2|Real|0,004|Estimado|9|Real|9|Real"])).unwrap();
    assert_eq!((read.about.name, slots(&read)), ("e-redes-10", vec![format!("{CPE} 13T22:45 0.300 kWh 0.001 kWh e")]));
    let hourly = rows(&[&cpe, "Intervalo|60 min", heading, "2024/09/14|00:00|1,2|Real|0,004|Real|9|Real|9|Real"]);
    assert!(self::read(hourly).unwrap_err().to_string().contains("not of 15 min"));
    let nobody = self::read(rows(&[heading, "2024/09/14|00:00|1,2|Real|0,004|Real|9|Real|9|Real"]));
    assert!(nobody.unwrap_err().to_string().contains("give --meter"));
}

fn eda(values: &[&str]) -> Vec<u8> {
    let head = [
        "disclaimer",
        "MeteringpointID|AT1|MM|AT1|MM|AT2|MM|AT2|MM",
        "Name|one||one||two||two|",
        "Energy direction|CONSUMPTION||CONSUMPTION||GENERATION||GENERATION|",
        "Period start|#44864||||||",
        "Metering Interval|QH (viertelstündlich)||||||",
        "Metercode|Gesamtverbrauch lt. Messung (bei Teilnahme gem. Erzeugung) [KWH]||Anteil gemeinschaftliche Erzeugung [KWH]||\
         Gesamte gemeinschaftliche Erzeugung [KWH]||Gesamt/Überschusserzeugung, Gemeinschaftsüberschuss [KWH]|",
        "Spaltensumme / minimale Qualität|#1||||||",
    ];
    rows(&[&head, values].concat())
}

#[test]
fn eda_counts_totals_and_keeps_allocations_to_compare_and_the_repeated_hour_is_a_block() {
    let read = read(eda(&[
        "#44864.083333333336|#0.25|L1|#0.16|L1|#0.5|L1|#0|L1",
        "#44864.114583333336|#0.241|L2|#0.1|L1|#0.356|L1|#-0.0|L1",
        "30.10.2022 02:00:00|#0.248|L1|#0.1|L1|#0.369|L3|#0|L1",
        "#44864.125|#0.13||#0|L1||L1|#0|L1",
    ]))
    .unwrap();
    let expected = [
        "AT1 30T00:00 0.250 kWh -",
        "AT1 30T00:45 0.241 kWh - e",
        "AT1 30T01:00 0.248 kWh -",
        "AT1 30T02:00 0.130 kWh -",
        "AT2 30T00:00 - 0.500 kWh",
        "AT2 30T00:45 - 0.356 kWh",
        "AT2 30T01:00 - 0.369 kWh e",
        "AT2 30T02:00 - -",
    ];
    assert_eq!((read.about.name, slots(&read)), ("eda", expected.map(str::to_owned).to_vec()));
    let compared = "AT1: 0.360 kWh are Anteil gemeinschaftliche Erzeugung [KWH]: kept to compare, not counted";
    assert!(read.notes.iter().any(|note| note.text == compared), "{:?}", read.notes);
}

#[test]
fn what_computes_is_refused() {
    let with_formula = "<worksheet><sheetData><row><c><f>1+1</f><v>2</v></c></row></sheetData></worksheet>";
    assert_eq!(read(workbook(with_formula, &[])).unwrap_err(), Problem::Computes("formulas"));
    let sheet = sheet(&["a".to_owned()]);
    assert_eq!(read(workbook(&sheet, &[("xl/vbaProject.bin", b"x")])).unwrap_err(), Problem::Computes("macros"));
}

#[test]
fn what_unpacks_to_gigabytes_is_refused_without_holding_it() {
    let zeros = vec![b' '; 8 << 20];
    let entries: Vec<(String, &[u8])> =
        (0..30).map(|number| (format!("xl/media/{number}"), zeros.as_slice())).collect();
    let entries: Vec<(&str, &[u8])> = entries.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    let bomb = workbook(&sheet(&["a".to_owned()]), &entries);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(read(bomb).unwrap_err(), Problem::Bomb);
    let texts = format!("<sst>{}</sst>", "<si/>".repeat(4_100_000));
    let texts = workbook(&sheet(&["a".to_owned()]), &[("xl/sharedStrings.xml", texts.as_bytes())]);
    assert_eq!(read(texts).unwrap_err(), Problem::Bomb);
}

#[test]
fn a_billion_cells_take_no_memory() {
    let far = |row: u32, column: &str| format!("<row r=\"{row}\"><c r=\"{column}{row}\"><v>1</v></c></row>");
    let corners = format!(
        "<worksheet><dimension ref=\"A1:XFD1048576\"/><sheetData>{}{}</sheetData></worksheet>",
        far(1, "A"),
        far(1_048_576, "XFD")
    );
    assert!(matches!(read(workbook(&corners, &[])).unwrap_err(), Problem::Unknown { .. }));
    let beyond = format!("<worksheet><sheetData>{}</sheetData></worksheet>", far(1, "ZZZZZ"));
    assert!(matches!(read(workbook(&beyond, &[])).unwrap_err(), Problem::Damaged(_)));
    let back = format!("<worksheet><sheetData>{}{}</sheetData></worksheet>", far(9, "A"), far(3, "A"));
    assert!(matches!(read(workbook(&back, &[])).unwrap_err(), Problem::Damaged(_)));
}

#[test]
fn what_is_no_spreadsheet_says_what_to_do() {
    let text = |bytes: Vec<u8>| read(bytes).unwrap_err().to_string();
    assert!(text(archive(&[("readme.txt", b"a")])).contains("no spreadsheet"));
    assert!(text([0xd0, 0xcf, 0x11, 0xe0, 0, 0].to_vec()).contains("save it as xlsx"));
    let good = rows(&["a"]);
    assert!(text(good[..good.len() / 2].to_vec()).starts_with("it is damaged"));
}
