/**
 * @file
 * @brief The numbers of the server in the text format of Prometheus, under the names that redis_exporter
 * gives them.
 *
 * Dashboards and alarms made for redis_exporter work with them. Where one of its names breaks the rules that
 * `promtool check metrics` checks (units that are abbreviated), a name with the unit in full stands instead.
 */
#ifndef BLITZDB_SERVER_METRICS_H
#define BLITZDB_SERVER_METRICS_H

#include "reply.h"

struct bzs_server;

/** Writes all metrics. From any thread; while the database is being loaded, those about data are left out. */
void bzs_metrics_write(struct bzs_server *server, struct bzs_reply *text);

/** Adds the two lines in front of a metric: what it means, and its type ("gauge", "counter", "summary"). */
void bzs_metrics_put_head(struct bzs_reply *text, const char *name, const char *type, const char *help);
/** Adds one value without labels, head included. */
void bzs_metrics_put(struct bzs_reply *text, const char *name, const char *type, const char *help,
                     double value);
/** Adds the value of a label with its quotes; backslash, quote and line end are escaped. */
void bzs_metrics_put_label(struct bzs_reply *text, const char *value);

#endif
