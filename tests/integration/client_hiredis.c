/* The hiredis client, synchronous and pipelined, over TCP and the Unix socket. Arguments: port, socket path.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis.h>

static void expect(int fact, const char *what) {
    if (!fact) {
        fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

/** Sends one command and compares type and text of the reply. */
static void expect_text(redisContext *context, int type, const char *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(context, format, arguments);
    va_end(arguments);
    expect(reply != NULL, format);
    expect(reply->type == type && strncmp(reply->str, text, strlen(text)) == 0, format);
    freeReplyObject(reply);
}

static void expect_integer(redisContext *context, long long number, const char *command) {
    redisReply *reply = redisCommand(context, command);
    expect(reply != NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer == number, command);
    freeReplyObject(reply);
}

static void work(redisContext *context) {
    expect(context != NULL && context->err == 0, "connect");
    expect_text(context, REDIS_REPLY_STATUS, "OK", "FLUSHALL");
    expect_text(context, REDIS_REPLY_STATUS, "OK", "SET %s %b", "key", "a\0b", (size_t)3);
    redisReply *reply = redisCommand(context, "GET key");
    expect(reply != NULL && reply->len == 3 && memcmp(reply->str, "a\0b", 3) == 0, "binary value");
    freeReplyObject(reply);
    expect_integer(context, 1, "EXISTS key");
    expect_text(context, REDIS_REPLY_ERROR, "ERR unknown command", "NOSUCH");
    for (int i = 0; i < 1000; i++)
        expect(redisAppendCommand(context, "INCR count") == REDIS_OK, "append to the pipeline");
    for (int i = 1; i <= 1000; i++) {
        void *answer = NULL;
        expect(redisGetReply(context, &answer) == REDIS_OK, "read from the pipeline");
        expect(((redisReply *)answer)->integer == i, "replies come in order");
        freeReplyObject(answer);
    }
    reply = redisCommand(context, "GET none");
    expect(reply != NULL && reply->type == REDIS_REPLY_NIL, "null");
    freeReplyObject(reply);
    redisFree(context);
}

int main(int argc, char **argv) {
    expect(argc == 3, "two arguments");
    work(redisConnect("127.0.0.1", atoi(argv[1])));
    work(redisConnectUnix(argv[2]));
    return 0;
}
