//! A scrape on its way out: families of series, each with its name, its unit, what it means, and its rows.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::cell::{Number, Times};

/// The name of a label and its value.
pub(super) type Label<'a> = (&'a str, &'a str);

/// A scrape on its way out.
pub(super) struct Sheet<'a>(pub(super) DescriptorEncoder<'a>);

/// What takes the rows of a family.
pub(super) struct Rows<'a>(MetricEncoder<'a>);

impl Sheet<'_> {
    /// A family of numbers that grow. The name is without `_total`; what comes after the last `_` is the unit, if it is one.
    pub(super) fn counters(
        &mut self,
        name: &str,
        help: &str,
        rows: impl FnOnce(&mut Rows<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Counter, rows)
    }

    /// A family of numbers that say how things stand.
    pub(super) fn gauges(
        &mut self,
        name: &str,
        help: &str,
        rows: impl FnOnce(&mut Rows<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, rows)
    }

    /// A family of histograms.
    pub(super) fn histograms(
        &mut self,
        name: &str,
        help: &str,
        rows: impl FnOnce(&mut Rows<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Histogram, rows)
    }

    fn family(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        rows: impl FnOnce(&mut Rows<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let (name, unit) = match name.rsplit_once('_') {
            Some((name, "seconds")) => (name, Some(Unit::Seconds)),
            Some((name, "bytes")) => (name, Some(Unit::Bytes)),
            _ => (name, None),
        };
        rows(&mut Rows(self.0.encode_descriptor(name, help, unit.as_ref(), kind)?))
    }
}

impl Rows<'_> {
    pub(super) fn counter(&mut self, labels: &[Label<'_>], value: u64) -> fmt::Result {
        self.0.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    pub(super) fn counter_of_parts(&mut self, labels: &[Label<'_>], value: f64) -> fmt::Result {
        self.0.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    pub(super) fn gauge(&mut self, labels: &[Label<'_>], value: f64) -> fmt::Result {
        self.0.encode_family(&labels)?.encode_gauge(&value)
    }

    pub(super) fn whole(&mut self, labels: &[Label<'_>], value: u64) -> fmt::Result {
        self.0.encode_family(&labels)?.encode_gauge(&value)
    }

    pub(super) fn histogram(&mut self, labels: &[Label<'_>], times: &Times) -> fmt::Result {
        let (sum, count, buckets) = times.read();
        self.0.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    pub(super) fn total(&mut self, labels: &[Label<'_>], number: &Number) -> fmt::Result {
        self.counter(labels, number.get())
    }
}
