/**
 * @file
 * @brief CRC-32C (Castagnoli), the checksum of every file format, and nothing else.
 *
 * Polynomial 0x1EDC6F41 reflected, as in RFC 3720 appendix B.4; check value of "123456789" is 0xE3069283.
 * Uses the processor's instruction where the running processor has it (SSE4.2, ARMv8 CRC), slicing tables
 * elsewhere.
 */
#ifndef BZD_CRC32C_H
#define BZD_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/** Continues a checksum: start with 0, feed the pieces in order. */
uint32_t bzd_crc32c(uint32_t crc, const void *data, size_t size);

#endif
