/**
 * @file
 * @brief What COMMAND INFO and COMMAND DOCS tell about commands beside their rows, in tables of their own.
 *
 * A row of the command table says what is needed to run a command. Here stands what only clients' libraries
 * and people read, in short notations:
 *
 *     arguments   "key:key ?condition@2.6.12(nx=NX xx=XX) *pair{field value}"
 *                 marks before the name: ? optional, * several times, + with its token each time
 *                 behind the name: :type (string if nothing is said; a colon in the name needs one), =TOKEN,
 *                 @since, !deprecated since, #key
 *                 (...) one of these, {...} all of these; what has a token and no type is the token alone
 *     history     "2.6.12 EX and PX|6.0.0 KEEPTTL"
 *     categories  "+dangerous -keyspace": what differs from what flags and group say
 *     keys        "RO access @1:0:1; OW update @2:0:1": flags of each key specification, and first key,
 *                 last key (from the first one, or negative from the end) and step, if they are not those
 *                 of the row; "@2#" is a number of keys that precedes them, and "@?" means that they are
 *                 anywhere
 *
 * Whoever adds a command adds its row here; without one the complexity is O(1), and nothing else is said.
 * Constant.
 */
#ifndef BLITZDB_SERVER_DOCUMENT_H
#define BLITZDB_SERVER_DOCUMENT_H

#include "reply.h"

struct bzs_command;

/** What is told about one command; members may be NULL. */
struct bzs_document {
    const char *name;
    const char *complexity; /**< NULL: O(1) */
    const char *arguments, *history, *categories, *keys;
    const char *tips;     /**< words with blanks between them */
    const char *replaced; /**< "6.2.0 SET with GET": since when it is deprecated, and what replaces it */
};

/** Tables, each ending with a row without name. */
extern const struct bzs_document bzs_documents_string[];
extern const struct bzs_document bzs_documents_generic[];
extern const struct bzs_document bzs_documents_server[];
extern const struct bzs_document bzs_documents_connection[];

/** What is told about a command of the catalog; never NULL. */
const struct bzs_document *bzs_document_of(const struct bzs_command *command);

/** Writes a list of arguments as COMMAND DOCS shows it; false, with nothing written, for what cannot be read.
 */
bool bzs_document_write_arguments(const char *arguments, struct bzs_reply *reply);

#endif
