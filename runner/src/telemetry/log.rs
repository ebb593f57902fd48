//! Logs and traces.
//!
//! Log lines go to stderr as text or JSON, and each has everything in its own fields. Traces go to an OpenTelemetry
//! collector where one is named in the environment. Spans are for traces only: a line that repeats them says things twice.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// How our own crates' targets begin.
const OURS: &str = "rec_market";
/// What traces are named after where the environment says nothing (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES).
const SERVICE_NAME: &str = "rec-market";
/// How long the end waits for a collector to take the last spans.
const FAREWELL: Duration = Duration::from_secs(5);

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line: timestamp, level, target, message and the fields.
    Json,
}

/// What to log.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions<'o> {
    /// A level, or directives as tracing has them (`info,rec_market::meters=debug`); none for the usual.
    pub filter: Option<&'o str>,
    /// The usual level: `WARN` for commands, `INFO` for the service.
    pub usual: LevelFilter,
    /// How lines look.
    pub format: LogFormat,
}

/// Logs and traces, until [`finish`](Telemetry::finish).
#[must_use = "the last traces are only sent when it is finished"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts to log, and to send traces if they are wanted: then it must be within a tokio runtime.
    ///
    /// What is wrong with the options is logged, and the usual taken instead: no reason to leave trades unsettled.
    pub fn start(options: &LogOptions<'_>, traces: bool) -> Telemetry {
        let filter = filter(options);
        let provider = traces.then(provider).transpose();
        let (traces, no_traces) = match provider {
            Ok(traces) => (traces, None),
            Err(error) => (None, Some(error)),
        };
        let (filter, no_filter) = match filter {
            Ok(filter) => (filter, None),
            Err(error) => (usual(options.usual), Some(error)),
        };
        let spans = traces.as_ref().map(|provider| {
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(SERVICE_NAME));
            // Nothing of the exporter's own crates, or sending a trace would make another.
            let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
            layer.with_filter(Targets::new().with_target(OURS, LevelFilter::INFO))
        });
        let lines = lines(options.format).with_filter(filter.and(filter_fn(|metadata| metadata.is_event())));
        // Fails only if there is a log already, and that one is as good.
        let _ = tracing_subscriber::registry().with(lines).with(spans).try_init();
        if let Some(error) = no_filter {
            tracing::warn!("{error}");
        }
        if let Some(error) = no_traces {
            tracing::warn!("no traces are sent: {error}");
        }
        Telemetry { traces }
    }

    /// Sends what is left of the traces. Not from within the runtime, which has to go on meanwhile.
    pub fn finish(self) {
        if let Some(Err(error)) = self.traces.map(|traces| traces.shutdown_with_timeout(FAREWELL)) {
            tracing::warn!("the last traces were not sent: {error}");
        }
    }
}

fn lines<S: Subscriber + for<'s> LookupSpan<'s>>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync> {
    let layer = fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => layer.with_ansi(std::io::stderr().is_terminal()).with_target(false).boxed(),
        LogFormat::Json => {
            layer.with_ansi(false).json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    }
}

/// A level alone is meant for us: other crates stay at warnings, or their chatter would bury everything.
fn filter(options: &LogOptions<'_>) -> Result<EnvFilter, String> {
    let Some(text) = options.filter else {
        return Ok(usual(options.usual));
    };
    if let Ok(level) = text.parse::<LevelFilter>() {
        return Ok(usual(level));
    }
    EnvFilter::try_new(text).map_err(|error| {
        format!(
            "REC_MARKET_LOG is {text:?}: {error} (use error, warn, info, debug, or directives such as rec_market=debug)"
        )
    })
}

fn usual(level: LevelFilter) -> EnvFilter {
    EnvFilter::new(format!("{},{OURS}={level}", level.min(LevelFilter::WARN)))
}

/// Sends spans to where OTEL_EXPORTER_OTLP_ENDPOINT says.
fn provider() -> Result<SdkTracerProvider, String> {
    let exporter =
        opentelemetry_otlp::SpanExporter::builder().with_tonic().build().map_err(|error| error.to_string())?;
    let detected = Resource::builder().build();
    let unknown = match detected.get(&Key::new("service.name")) {
        Some(Value::String(name)) => name.as_str().starts_with("unknown_service"),
        _ => true,
    };
    let resource = if unknown { Resource::builder().with_service_name(SERVICE_NAME).build() } else { detected };
    let exporter = Told { exporter, failing: AtomicBool::new(false) };
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// An exporter that tells when it cannot send, once, and when it can again.
#[derive(Debug)]
struct Told<E> {
    exporter: E,
    failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Told<E> {
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

    fn shown(text: Option<&str>) -> Result<String, String> {
        let options = LogOptions { filter: text, usual: LevelFilter::INFO, format: LogFormat::Text };
        // Directives print in no order that is promised.
        filter(&options).map(|filter| {
            let mut directives: Vec<String> = filter.to_string().split(',').map(str::to_owned).collect();
            directives.sort();
            directives.join(",")
        })
    }

    #[test]
    fn a_level_alone_is_meant_for_us() {
        assert_eq!(shown(None).unwrap(), "rec_market=info,warn");
        assert_eq!(shown(Some("debug")).unwrap(), "rec_market=debug,warn");
        assert_eq!(shown(Some("error")).unwrap(), "error,rec_market=error");
        assert_eq!(shown(Some("off")).unwrap(), "off,rec_market=off");
        assert_eq!(shown(Some("h2=debug")).unwrap(), "h2=debug");
        let error = shown(Some("a=b=c")).unwrap_err();
        assert!(error.starts_with("REC_MARKET_LOG is \"a=b=c\": "), "{error}");
    }
}
