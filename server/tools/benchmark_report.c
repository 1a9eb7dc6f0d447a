#include "benchmark_report.h"

#include <inttypes.h>
#include <stdio.h>

enum { FIELDS_MAX = 64 };

/** One figure or text by its name. */
struct field {
    const char *name;
    enum { FIELD_COUNT, FIELD_REAL, FIELD_TEXT } kind;
    uint64_t count;
    double real;
    const char *text;
};

struct fields {
    struct field list[FIELDS_MAX];
    size_t count;
};

static void put_count(struct fields *fields, const char *name, uint64_t count) {
    fields->list[fields->count++] = (struct field){.name = name, .kind = FIELD_COUNT, .count = count};
}

static void put_real(struct fields *fields, const char *name, double real) {
    fields->list[fields->count++] = (struct field){.name = name, .kind = FIELD_REAL, .real = real};
}

static void put_text(struct fields *fields, const char *name, const char *text) {
    fields->list[fields->count++] = (struct field){.name = name, .kind = FIELD_TEXT, .text = text};
}

static double per(double part, double whole) {
    return whole > 0 ? part / whole : 0;
}

static void put_settings(struct fields *fields, const struct settings *settings) {
    static const char *const protocols[] = {"resp2", "resp3", "memcached"};
    static const char *const orders[] = {"uniform", "zipf", "sequential"};
    put_text(fields, "label", settings->label);
    put_text(fields, "protocol", protocols[settings->protocol]);
    put_count(fields, "connections", settings->connections);
    put_count(fields, "idle_connections", settings->idle);
    put_count(fields, "threads", settings->threads);
    put_count(fields, "pipeline", settings->pipeline);
    put_count(fields, "rate", settings->rate);
    put_count(fields, "different_keys", settings->keys);
    put_text(fields, "distribution", orders[settings->order]);
    put_count(fields, "value_size_min", settings->value_min);
    put_count(fields, "value_size_max", settings->value_max);
    put_count(fields, "set_share", settings->set_share);
    put_count(fields, "get_share", settings->get_share);
    put_count(fields, "keys_per_get", settings->mget);
    put_count(fields, "seed", settings->seed);
}

static void put_latencies(struct fields *fields, const struct histogram *latency) {
    put_real(fields, "latency_min_us", latency->count > 0 ? (double)latency->smallest * 1e-3 : 0);
    put_real(fields, "latency_mean_us", histogram_mean(latency) * 1e-3);
    put_real(fields, "latency_p50_us", (double)histogram_percentile(latency, 0.5) * 1e-3);
    put_real(fields, "latency_p90_us", (double)histogram_percentile(latency, 0.9) * 1e-3);
    put_real(fields, "latency_p99_us", (double)histogram_percentile(latency, 0.99) * 1e-3);
    put_real(fields, "latency_p99.9_us", (double)histogram_percentile(latency, 0.999) * 1e-3);
    put_real(fields, "latency_p99.99_us", (double)histogram_percentile(latency, 0.9999) * 1e-3);
    put_real(fields, "latency_max_us", latency->count > 0 ? (double)latency->largest * 1e-3 : 0);
}

static void put_server(struct fields *fields, const struct settings *settings,
                       const struct run_result *result) {
    double operations = (double)result->operations;
    double cpu_us = (double)result->server.cpu_ns * 1e-3;
    uint64_t before = result->server_filled_resident;
    uint64_t after = result->server_idle_resident;
    put_real(fields, "server_cpu_seconds", cpu_us * 1e-6);
    put_real(fields, "server_cpu_us_per_operation", per(cpu_us, operations));
    put_real(fields, "server_kernel_us_per_operation",
             per((double)result->server.kernel_ns * 1e-3, operations));
    put_real(fields, "server_waits_per_operation", per((double)result->server.waits, operations));
    put_real(fields, "server_keys_per_cpu_second", per((double)result->totals.keys * 1e6, cpu_us));
    put_count(fields, "server_start_resident_bytes", result->server_start_resident);
    put_count(fields, "server_filled_resident_bytes", before);
    put_count(fields, "server_resident_bytes", result->server_resident);
    put_real(fields, "server_bytes_per_idle_connection",
             per(after > before ? (double)(after - before) : 0, (double)settings->idle));
}

static void collect(struct fields *fields, const struct settings *settings, const struct run_result *result) {
    put_settings(fields, settings);
    put_count(fields, "operations", result->operations);
    put_count(fields, "keys", result->totals.keys);
    put_real(fields, "seconds", result->seconds);
    put_real(fields, "operations_per_second", per((double)result->operations, result->seconds));
    put_real(fields, "keys_per_second", per((double)result->totals.keys, result->seconds));
    put_count(fields, "scheduled", result->scheduled);
    put_count(fields, "unsent", result->totals.unsent);
    put_count(fields, "errors", result->counts.errors);
    put_text(fields, "first_error", result->counts.error);
    put_count(fields, "misses", result->counts.misses);
    put_count(fields, "wrong_values", result->totals.wrong_values);
    put_count(fields, "bytes_sent", result->totals.bytes_sent);
    put_count(fields, "bytes_received", result->totals.bytes_received);
    put_latencies(fields, &result->latency);
    put_real(fields, "own_cpu_seconds", result->own_cpu_seconds);
    put_count(fields, "filled_keys", result->filled_keys);
    put_real(fields, "fill_seconds", result->fill_seconds);
    if (result->server_known)
        put_server(fields, settings, result);
}

/* -- For programs --------------------------------------------------------------------------------- */

/** JSON is UTF-8; what a server says may be any bytes, so all but plain ASCII is escaped one by one. */
static void print_json_text(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            printf("\\%c", byte);
        else if (byte < ' ' || byte > '~')
            printf("\\u%04x", byte);
        else
            putchar(byte);
    }
    putchar('"');
}

static void print_csv_text(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void print_field(const struct field *field, void (*print_text)(const char *text)) {
    if (field->kind == FIELD_COUNT)
        printf("%" PRIu64, field->count);
    else if (field->kind == FIELD_REAL)
        printf("%.6f", field->real);
    else
        print_text(field->text);
}

static void print_json(const struct fields *fields) {
    for (size_t i = 0; i < fields->count; i++) {
        printf("%s\"%s\": ", i == 0 ? "{\n  " : ",\n  ", fields->list[i].name);
        print_field(&fields->list[i], print_json_text);
    }
    puts("\n}");
}

static void print_csv(const struct fields *fields) {
    for (size_t i = 0; i < fields->count; i++)
        printf("%s%s", i == 0 ? "" : ",", fields->list[i].name);
    putchar('\n');
    for (size_t i = 0; i < fields->count; i++) {
        if (i > 0)
            putchar(',');
        print_field(&fields->list[i], print_csv_text);
    }
    putchar('\n');
}

/* -- For people ----------------------------------------------------------------------------------- */

static void print_work(const struct settings *settings, const struct run_result *result) {
    double operations = (double)result->operations;
    printf("commands    %" PRIu64 " in %.3f s: %.0f per second", result->operations, result->seconds,
           per(operations, result->seconds));
    if (result->totals.keys != result->operations)
        printf(", %.0f keys per second", per((double)result->totals.keys, result->seconds));
    putchar('\n');
    if (settings->rate > 0)
        printf("schedule    %" PRIu64 " commands were due, %" PRIu64 " of them were never sent%s\n",
               result->scheduled, result->totals.unsent,
               result->totals.unsent > 0 ? ": the server cannot keep the rate" : "");
    if (result->counts.misses > 0)
        printf("misses      %" PRIu64 "\n", result->counts.misses);
    if (result->counts.errors > 0)
        printf("errors      %" PRIu64 ", the first: %s\n", result->counts.errors, result->counts.error);
    if (settings->verify)
        printf("wrong       %" PRIu64 " values\n", result->totals.wrong_values);
    printf("network     %.1f MiB sent, %.1f MiB received\n", (double)result->totals.bytes_sent / 0x1p20,
           (double)result->totals.bytes_received / 0x1p20);
}

static void print_latencies(const struct settings *settings, const struct histogram *latency) {
    static const struct {
        const char *name;
        double share;
    } rows[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}, {"max", 1}};
    printf("latency us  mean %.1f", histogram_mean(latency) * 1e-3);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        printf(", %s %.1f", rows[i].name, (double)histogram_percentile(latency, rows[i].share) * 1e-3);
    printf("\n            counted from the %s\n",
           settings->rate > 0 ? "moment a command was due" : "send of its batch to its reply");
}

static void print_server(const struct settings *settings, const struct run_result *result) {
    double operations = (double)result->operations;
    double cpu_us = (double)result->server.cpu_ns * 1e-3;
    uint64_t before = result->server_filled_resident;
    uint64_t after = result->server_idle_resident;
    if (result->operations > 0)
        printf("server CPU  %.3f us per command (%.3f in the system), %.0f %% of a processor, %.3f waits per "
               "command\n",
               per(cpu_us, operations), per((double)result->server.kernel_ns * 1e-3, operations),
               per(cpu_us, result->seconds * 1e4), per((double)result->server.waits, operations));
    printf("server RAM  %.1f MiB resident, %.1f at the start\n", (double)result->server_resident / 0x1p20,
           (double)result->server_start_resident / 0x1p20);
    if (settings->idle > 0)
        printf("            %.0f bytes for an idle connection\n",
               per(after > before ? (double)(after - before) : 0, (double)settings->idle));
}

static void print_text(const struct settings *settings, const struct run_result *result) {
    if (settings->fill)
        printf("filled      %" PRIu64 " keys in %.3f s\n", result->filled_keys, result->fill_seconds);
    if (result->operations > 0) {
        print_work(settings, result);
        print_latencies(settings, &result->latency);
    }
    if (result->server_known)
        print_server(settings, result);
    double own = per(result->own_cpu_seconds, result->seconds * (double)settings->threads);
    if (own > 0.97 && settings->rate == 0)
        puts("note        this program was busy all the time: more --threads may drive the server harder");
}

bool report_print(const struct settings *settings, const struct run_result *result) {
    struct fields fields = {.count = 0};
    collect(&fields, settings, result);
    if (settings->format == FORMAT_JSON)
        print_json(&fields);
    else if (settings->format == FORMAT_CSV)
        print_csv(&fields);
    else
        print_text(settings, result);
    return fflush(stdout) == 0 && !ferror(stdout);
}
