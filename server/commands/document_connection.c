/**
 * @file
 * @brief Documentation of the commands about connections; document.h explains the notation.
 */
#include "document.h"

const struct bzs_document bzs_documents_connection[] = {
    {"auth", .complexity = "O(N) for N bytes of the password", .arguments = "?username@6.0.0 password",
     .history = "6.0.0 name of a user"},
    {"client|durability", .arguments = "?durability(always=ALWAYS everysec=EVERYSEC no=NO default=DEFAULT)"},
    {"client|no-touch", .arguments = "enabled(on=ON off=OFF)"},
    {"client|setinfo", .arguments = "attr(libname:string=LIB-NAME libver:string=LIB-VER)"},
    {"client|caching", .arguments = "mode(yes=YES no=NO)"},
    {"client|info", .tips = "nondeterministic_output"},
    {"client|kill", .complexity = "O(N) for N connections",
     .arguments = "filter(ip:port:string!2.8.12 *new-format(?client-id:integer=ID@2.8.12 "
                  "?normal_master_slave_pubsub=TYPE@2.8.12(normal=NORMAL master=MASTER@3.2.0 slave=SLAVE "
                  "replica=REPLICA@5.0.0 pubsub=PUBSUB) ?username:string=USER ?ip:port:string=ADDR "
                  "?ip:port:string=LADDR@6.2.0 ?yes/no:string=SKIPME))",
     .history = "2.8.12 filters as options|2.8.12 ID|3.2.0 TYPE master|5.0.0 TYPE replica, beside "
                "slave|6.2.0 LADDR"},
    {"client|list", .complexity = "O(N) for N connections",
     .arguments = "?normal_master_replica_pubsub=TYPE@5.0.0(normal=NORMAL master=MASTER replica=REPLICA "
                  "pubsub=PUBSUB) ?id=ID@6.2.0{*client-id:integer}",
     .history = "2.8.12 field id|5.0.0 TYPE|6.0.0 field user|6.2.0 fields argv-mem, tot-mem, laddr and "
                "redir, and ID|7.0.0 fields resp, multi-mem, rbs and rbp|7.0.3 field ssub",
     .tips = "nondeterministic_output"},
    {"client|no-evict", .arguments = "enabled(on=ON off=OFF)"},
    {"client|pause", .arguments = "timeout:integer ?mode@6.2.0(write=WRITE all=ALL)",
     .history = "6.2.0 WRITE, beside ALL"},
    {"client|reply", .arguments = "on_off_skip(on=ON off=OFF skip=SKIP)"},
    {"client|setname", .arguments = "connection-name"},
    {"client|tracking",
     .arguments = "status(on=ON off=OFF) ?client-id:integer=REDIRECT ?*+prefix:string=PREFIX ?bcast=BCAST "
                  "?optin=OPTIN ?optout=OPTOUT ?noloop=NOLOOP"},
    {"client|unblock", .complexity = "O(N) for N connections",
     .arguments = "client-id:integer ?timeout_error(timeout=TIMEOUT error=ERROR)"},
    {"client|unpause", .complexity = "O(N) for N paused connections"},
    {"echo", .arguments = "message"},
    {"hello",
     .arguments = "?arguments{protover:integer ?username_password=AUTH{username password} "
                  "?clientname:string=SETNAME}",
     .history = "6.2.0 without a version it only tells"},
    {"ping", .arguments = "?message", .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {"select", .arguments = "index:integer"},
    {.name = NULL},
};
