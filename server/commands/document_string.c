/**
 * @file
 * @brief Documentation of the commands about strings and bitmaps; document.h explains the notation.
 */
#include "document.h"

const struct bzs_document bzs_documents_string[] = {
    {"append", .complexity = "O(N) for N bytes of the new value", .arguments = "key:key value",
     .keys = "RW insert"},
    {"decr", .arguments = "key:key"},
    {"decrby", .arguments = "key:key decrement:integer"},
    {"get", .arguments = "key:key"},
    {"getdel", .arguments = "key:key", .keys = "RW access delete"},
    {"getex", .arguments =
                  "key:key ?expiration(seconds:integer=EX milliseconds:integer=PX "
                  "unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT persist=PERSIST)"},
    {"getrange", .complexity = "O(N) for N bytes returned", .arguments = "key:key start:integer end:integer"},
    {"getset", .arguments = "key:key value", .replaced = "6.2.0 SET with GET"},
    {"incr", .arguments = "key:key"},
    {"incrby", .arguments = "key:key increment:integer"},
    {"incrbyfloat", .arguments = "key:key increment:double"},
    {"lcs", .complexity = "O(N*M) for values of N and M bytes",
     .arguments = "key1:key key2:key ?len=LEN ?idx=IDX ?len:integer=MINMATCHLEN ?withmatchlen=WITHMATCHLEN"},
    {"mget", .complexity = "O(N) for N keys", .arguments = "*key:key", .tips = "request_policy:multi_shard"},
    {"mset", .complexity = "O(N) for N keys", .arguments = "*key_value{key:key value}", .keys = "OW update",
     .tips = "request_policy:multi_shard response_policy:all_succeeded"},
    {"msetnx", .complexity = "O(N) for N keys", .arguments = "*key_value{key:key value}", .keys = "OW insert",
     .tips = "request_policy:multi_shard response_policy:agg_min"},
    {"psetex", .arguments = "key:key milliseconds:integer value", .keys = "OW update"},
    {"set",
     .arguments = "key:key value ?condition@2.6.12(nx=NX xx=XX) ?get=GET@6.2.0 "
                  "?expiration(seconds:integer=EX@2.6.12 milliseconds:integer=PX@2.6.12 "
                  "unix-time-seconds:unix-time=EXAT@6.2.0 unix-time-milliseconds:unix-time=PXAT@6.2.0 "
                  "keepttl=KEEPTTL@6.0.0)",
     .history = "2.6.12 EX, PX, NX and XX|6.0.0 KEEPTTL|6.2.0 GET, EXAT and PXAT|7.0.0 NX and GET "
                "together",
     .keys = "RW access update variable_flags"},
    {"setex", .arguments = "key:key seconds:integer value", .keys = "OW update"},
    {"setnx", .arguments = "key:key value", .keys = "OW insert"},
    {"setrange", .complexity = "O(N) for N bytes of the longer value",
     .arguments = "key:key offset:integer value", .keys = "RW update"},
    {"strlen", .arguments = "key:key", .keys = "RO"},
    {"substr", .complexity = "O(N) for N bytes returned", .arguments = "key:key start:integer end:integer",
     .replaced = "2.0.0 GETRANGE"},
    {"bitcount", .complexity = "O(N) for N bytes counted",
     .arguments = "key:key ?index{start:integer end:integer ?index_unit@7.0.0(byte=BYTE bit=BIT)}",
     .history = "7.0.0 BYTE and BIT"},
    {"bitfield", .complexity = "O(N) for N operations",
     .arguments = "key:key ?*operation(encoding_offset=GET{encoding offset:integer} "
                  "write{?wrap_sat_fail=OVERFLOW(wrap=WRAP sat=SAT fail=FAIL) "
                  "write_operation(encoding_offset_value=SET{encoding offset:integer value:integer} "
                  "encoding_offset_increment=INCRBY{encoding offset:integer increment:integer})})",
     .keys = "RW access update variable_flags"},
    {"bitfield_ro", .complexity = "O(N) for N operations",
     .arguments = "key:key ?*+encoding_offset=GET{encoding offset:integer}"},
    {"bitop", .complexity = "O(N) for N bytes of the longest value",
     .arguments = "operation destkey:key *key:key#1", .keys = "OW update @2:0:1; RO access @3:-1:1"},
    {"bitpos", .complexity = "O(N) for N bytes looked at",
     .arguments = "key:key bit:integer ?index{start:integer ?end_index{end:integer "
                  "?index_unit@7.0.0(byte=BYTE bit=BIT)}}",
     .history = "7.0.0 BYTE and BIT"},
    {"getbit", .arguments = "key:key offset:integer"},
    {"setbit", .arguments = "key:key offset:integer value:integer"},
    {.name = NULL},
};
