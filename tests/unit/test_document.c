/* The notation of arguments in the documents of commands: what is written for each mark, and what is refused.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "command.h"
#include "document.h"

static struct bzs_reply reply;

static void begin(void) {
    bzs_reply_init(&reply);
    reply.protocol = 3;
}

static void end(void) {
    bzs_reply_deinit(&reply);
}

TestSuite(document, .init = begin, .fini = end);

static void expect(const char *arguments, const char *text) {
    cr_assert(bzs_document_write_arguments(arguments, &reply));
    cr_assert_eq(reply.size, strlen(text), "%.*s", (int)reply.size, reply.data);
    cr_assert_arr_eq(reply.data, text, reply.size);
}

/* A key belongs to a key specification; what has no type is a string. */
Test(document, plain) {
    expect("key:key#1 value",
           "*2\r\n%3\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n$3\r\nkey\r\n$14\r\nkey_spec_index\r\n:1\r\n"
           "%2\r\n$4\r\nname\r\n$5\r\nvalue\r\n$4\r\ntype\r\n$6\r\nstring\r\n");
}

/* A token, versions, and the marks before the name. */
Test(document, marks) {
    expect("?*+n=TOKEN@2.0.0!3.0.0",
           "*1\r\n%6\r\n$4\r\nname\r\n$1\r\nn\r\n$4\r\ntype\r\n$10\r\npure-token\r\n$5\r\ntoken\r\n$"
           "5\r\nTOKEN\r\n"
           "$5\r\nsince\r\n$5\r\n2.0.0\r\n$16\r\ndeprecated_since\r\n$5\r\n3.0.0\r\n"
           "$5\r\nflags\r\n~3\r\n+optional\r\n+multiple\r\n+multiple_token\r\n");
}

/* Lists inside lists: each knows its own length. */
Test(document, nested) {
    expect("a{b(c=C d:integer=D)} e",
           "*2\r\n%3\r\n$4\r\nname\r\n$1\r\na\r\n$4\r\ntype\r\n$5\r\nblock\r\n$9\r\narguments\r\n*1\r\n"
           "%3\r\n$4\r\nname\r\n$1\r\nb\r\n$4\r\ntype\r\n$5\r\noneof\r\n$9\r\narguments\r\n*2\r\n"
           "%3\r\n$4\r\nname\r\n$1\r\nc\r\n$4\r\ntype\r\n$10\r\npure-token\r\n$5\r\ntoken\r\n$1\r\nC\r\n"
           "%3\r\n$4\r\nname\r\n$1\r\nd\r\n$4\r\ntype\r\n$7\r\ninteger\r\n$5\r\ntoken\r\n$1\r\nD\r\n"
           "%2\r\n$4\r\nname\r\n$1\r\ne\r\n$4\r\ntype\r\n$6\r\nstring\r\n");
}

/* What cannot be read writes nothing. */
Test(document, unreadable) {
    const char *const wrong[] = {"a(b", "a)", "a(b}", "?", "(a)", "a{a{a{a{a{a{a}}}}}}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_not(bzs_document_write_arguments(wrong[i], &reply), "%s", wrong[i]);
        cr_assert_eq(reply.size, 0, "%s", wrong[i]);
    }
}

/* The notation of every document can be read. */
Test(document, all) {
    static const struct bzs_document *const tables[] = {bzs_documents_string, bzs_documents_generic,
                                                        bzs_documents_server, bzs_documents_connection};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct bzs_document *document = tables[i]; document->name != NULL; document++)
            cr_assert(document->arguments == NULL ||
                          bzs_document_write_arguments(document->arguments, &reply),
                      "%s", document->name);
}
