"""Metrics of anomaly maps: integer counts over fixed bins, the same for any batches, order and number of processes."""

from renormal.metrics.anomaly import METRICS as METRICS
from renormal.metrics.anomaly import PIXEL_METRICS as PIXEL_METRICS
from renormal.metrics.anomaly import AnomalyMetrics as AnomalyMetrics
from renormal.metrics.anomaly import highest as highest
from renormal.metrics.column import ColumnMetrics as ColumnMetrics
from renormal.metrics.detection import Alarm as Alarm
from renormal.metrics.rates import auroc as auroc
from renormal.metrics.rates import best_bin as best_bin
from renormal.metrics.rates import exceeded_bin as exceeded_bin
from renormal.metrics.rates import image_pixel_auroc as image_pixel_auroc
