/**
 * @file
 * @brief Sections of INFO about the process: Server, Replication, CPU, and what is not here.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "info_commands.h"
#include "server.h"

/** Path of the running program; empty if the system does not tell. */
static void find_program(char *path_out, size_t size) {
    ssize_t length = readlink("/proc/self/exe", path_out, size - 1);
    path_out[length > 0 ? length : 0] = '\0';
}

void bzs_info_put_process(const struct bzs_server *server, int64_t now_ms, struct bzs_reply *text) {
    char program[512];
    int64_t uptime_s = now_ms > server->started_ms ? (now_ms - server->started_ms) / 1000 : 0;
    find_program(program, sizeof(program));
    bzs_info_put(text, "redis_git_sha1:00000000\r\nredis_git_dirty:0\r\nredis_build_id:0\r\n");
    bzs_info_put(text, "monotonic_clock:POSIX clock_gettime\r\nmultiplexing_api:epoll\r\n");
    bzs_info_put(text, "atomicvar_api:c11-builtin\r\ngcc_version:%d.%d.%d\r\n", __GNUC__, __GNUC_MINOR__,
                 __GNUC_PATCHLEVEL__);
    bzs_info_put(text, "process_id:%lld\r\nprocess_supervised:%s\r\nrun_id:%s\r\n", (long long)getpid(),
                 getenv("NOTIFY_SOCKET") != NULL ? "systemd" : "no", server->run_id);
    bzs_info_put(text, "tcp_port:%d\r\nserver_time_usec:%lld\r\n", server->listener.port,
                 (long long)now_ms * 1000);
    bzs_info_put(text, "uptime_in_seconds:%lld\r\nuptime_in_days:%lld\r\n", (long long)uptime_s,
                 (long long)uptime_s / 86400);
    bzs_info_put(text, "hz:10\r\nconfigured_hz:10\r\nlru_clock:%lld\r\n",
                 (long long)(now_ms / 1000 & 0xffffff));
    bzs_info_put(text, "executable:%s\r\nconfig_file:%s\r\n", program,
                 server->config->file != NULL ? server->config->file : "");
    bzs_info_put(text, "io_threads_active:%d\r\nthreads:%u\r\n", server->loop_count > 1, server->loop_count);
}

void bzs_info_put_absent_stats(struct bzs_reply *text) {
    static const char *const names[] = {
        "total_net_repl_input_bytes",
        "total_net_repl_output_bytes",
        "sync_full",
        "sync_partial_ok",
        "sync_partial_err",
        "expired_time_cap_reached_count",
        "expire_cycle_cpu_milliseconds",
        "evicted_clients",
        "total_eviction_exceeded_time",
        "current_eviction_exceeded_time",
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
        "unexpected_error_replies",
        "dump_payload_sanitizations",
        "io_threaded_reads_processed",
        "io_threaded_writes_processed",
        "reply_buffer_shrinks",
        "reply_buffer_expands",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        bzs_info_put(text, "%s:0\r\n", names[i]);
    bzs_info_put(text, "instantaneous_input_repl_kbps:0.00\r\ninstantaneous_output_repl_kbps:0.00\r\n"
                       "expired_stale_perc:0.00\r\n");
}

void bzs_info_put_replication(const struct bzs_server *server, struct bzs_reply *text) {
    bzs_info_put(text, "role:master\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\n");
    bzs_info_put(text, "master_replid:%s\r\nmaster_replid2:%040d\r\n", server->run_id, 0);
    bzs_info_put(text, "master_repl_offset:0\r\nsecond_repl_offset:-1\r\nrepl_backlog_active:0\r\n"
                       "repl_backlog_size:1048576\r\nrepl_backlog_first_byte_offset:0\r\n"
                       "repl_backlog_histlen:0\r\n");
}

static void put_time(struct bzs_reply *text, const char *name, struct timeval time) {
    bzs_info_put(text, "%s:%lld.%06lld\r\n", name, (long long)time.tv_sec, (long long)time.tv_usec);
}

/** The thread shown is that of the connection that asks: no thread is the main one here. */
void bzs_info_put_cpu(struct bzs_reply *text) {
    struct rusage all = {0};
    struct rusage own = {0};
    getrusage(RUSAGE_SELF, &all);
    getrusage(RUSAGE_THREAD, &own);
    put_time(text, "used_cpu_sys", all.ru_stime);
    put_time(text, "used_cpu_user", all.ru_utime);
    bzs_info_put(text, "used_cpu_sys_children:0.000000\r\nused_cpu_user_children:0.000000\r\n");
    put_time(text, "used_cpu_sys_main_thread", own.ru_stime);
    put_time(text, "used_cpu_user_main_thread", own.ru_utime);
}
