//! Logs and traces.
//!
//! Log lines go to stderr as text or JSON, and each has all its fields itself. Traces go to an OpenTelemetry collector if the
//! environment names one. Spans appear only in traces: log lines would repeat their own fields.

use std::fmt::Debug;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use domain::text::{printable, printable_json};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, Value};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing::Subscriber;
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Prefix of the log targets of this program.
const OURS: &str = "rec_market";
/// The service name of traces, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES set one.
const SERVICE_NAME: &str = "rec-market";
/// How long the exit waits for the collector to take the last spans.
const LAST_EXPORT: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object per line: timestamp, level, target, message and the fields
    Json,
}

#[derive(Clone, Copy, Debug)]
pub struct LogOptions<'o> {
    /// A level, or directives of tracing (`info,rec_market::adapter=debug`); none for the default level.
    pub filter: Option<&'o str>,
    /// The default level: `WARN` for commands, `INFO` for the service.
    pub usual: LevelFilter,
    pub format: LogFormat,
}

/// Logs and traces, until [`finish`](Telemetry::finish).
#[must_use = "the last traces are only sent when it is finished"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts the log, and traces if wanted, for which a tokio runtime must be entered.
    ///
    /// Wrong options are logged and replaced by the defaults: they are no reason not to settle.
    pub fn start(options: &LogOptions<'_>, traces: bool) -> Telemetry {
        let filter = filter(options);
        let provider = traces.then(provider).transpose();
        let (traces, no_traces) = match provider {
            Ok(traces) => (traces, None),
            Err(error) => (None, Some(error)),
        };
        let (filter, no_filter) = match filter {
            Ok(filter) => (filter, None),
            Err(error) => (default_filter(options.usual), Some(error)),
        };
        let spans = traces.as_ref().map(|provider| {
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(SERVICE_NAME));
            // Only our own spans: sending those of the exporter would make new ones.
            let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
            layer.with_filter(Targets::new().with_target(OURS, LevelFilter::INFO))
        });
        let lines = lines(options.format).with_filter(filter.and(filter_fn(|metadata| metadata.is_event())));
        // Fails only if there is already a log, which then stays.
        let _ = tracing_subscriber::registry().with(lines).with(spans).try_init();
        if let Some(error) = no_filter {
            tracing::warn!("{error}");
        }
        if let Some(error) = no_traces {
            tracing::warn!("cannot send traces: {error}");
        }
        Telemetry { traces }
    }

    /// Sends the remaining traces. Must be called outside of the runtime, which does the sending.
    pub fn finish(self) {
        if let Some(Err(error)) = self.traces.map(|traces| traces.shutdown_with_timeout(LAST_EXPORT)) {
            tracing::warn!("the last traces could not be sent: {error}");
        }
    }
}

fn lines<S: Subscriber + for<'s> LookupSpan<'s>>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync> {
    match format {
        LogFormat::Text => {
            let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
            layer.with_target(false).fmt_fields(debug_fn(field).delimited(" ")).boxed()
        }
        LogFormat::Json => {
            let layer = fmt::layer().with_writer(|| JsonLines(std::io::stderr())).with_ansi(false).json();
            layer.flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    }
}

/// Writes a field as text: on one line, without characters that nobody sees.
fn field(to: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    let value = format!("{value:?}");
    let value = printable(&value);
    match field.name().trim_start_matches("r#") {
        "message" => to.write_str(&value),
        // In italics, as tracing does it itself.
        name if to.has_ansi_escapes() => write!(to, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{value}"),
        name => write!(to, "{name}={value}"),
    }
}

/// Writes lines of JSON, with escapes for characters that nobody sees. It is given one whole line at a time.
struct JsonLines<W>(W);

impl<W: Write> Write for JsonLines<W> {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.write_all(printable_json(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// A level alone sets only that of this program: other crates log much at lower levels and stay at warnings.
fn filter(options: &LogOptions<'_>) -> Result<EnvFilter, String> {
    let Some(text) = options.filter else {
        return Ok(default_filter(options.usual));
    };
    if let Ok(level) = text.parse::<LevelFilter>() {
        return Ok(default_filter(level));
    }
    EnvFilter::try_new(text).map_err(|error| {
        format!(
            "REC_MARKET_LOG is {text:?}: {error} (use error, warn, info, debug, or directives such as rec_market=debug)"
        )
    })
}

fn default_filter(level: LevelFilter) -> EnvFilter {
    EnvFilter::new(format!("{},{OURS}={level}", level.min(LevelFilter::WARN)))
}

/// Sends spans to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names.
fn provider() -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build()?;
    let detected = Resource::builder().build();
    let unknown = match detected.get(&Key::new("service.name")) {
        Some(Value::String(name)) => name.as_str().starts_with("unknown_service"),
        _ => true,
    };
    let resource = if unknown { Resource::builder().with_service_name(SERVICE_NAME).build() } else { detected };
    let exporter = ReportingExporter { exporter, failing: AtomicBool::new(false) };
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// An exporter that logs when it fails for the first time, and when it works again.
#[derive(Debug)]
struct ReportingExporter<E> {
    exporter: E,
    failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for ReportingExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        let failed = self.failing.swap(result.is_err(), Ordering::Relaxed);
        match &result {
            Err(error) if !failed => tracing::warn!("traces are lost: {error} (is the collector running?)"),
            Ok(()) if failed => tracing::info!("traces are sent again"),
            _ => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directives(text: Option<&str>) -> Result<String, String> {
        let options = LogOptions { filter: text, usual: LevelFilter::INFO, format: LogFormat::Text };
        // The order of printed directives is not defined.
        filter(&options).map(|filter| {
            let mut directives: Vec<String> = filter.to_string().split(',').map(str::to_owned).collect();
            directives.sort();
            directives.join(",")
        })
    }

    #[test]
    fn a_level_alone_sets_that_of_this_program() {
        assert_eq!(directives(None).unwrap(), "rec_market=info,warn");
        assert_eq!(directives(Some("debug")).unwrap(), "rec_market=debug,warn");
        assert_eq!(directives(Some("error")).unwrap(), "error,rec_market=error");
        assert_eq!(directives(Some("off")).unwrap(), "off,rec_market=off");
        assert_eq!(directives(Some("h2=debug")).unwrap(), "h2=debug");
        let error = directives(Some("a=b=c")).unwrap_err();
        assert!(error.starts_with("REC_MARKET_LOG is \"a=b=c\": "), "{error}");
    }
}
