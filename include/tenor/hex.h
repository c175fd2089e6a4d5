/* hex: bytes as hexadecimal digits, and back. */
#ifndef TENOR_HEX_H
#define TENOR_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 2 × count lower-case digits and a closing zero. */
void tn_hex_write(char *text, const uint8_t *bytes, size_t count);

/* True when `text` begins with 2 × count digits of either case. Reads no character behind the first
 * that is none; on false some of `bytes` may be written. */
bool tn_hex_begins(uint8_t *bytes, size_t count, const char *text);

/* True when `text` is exactly that, with or without "0x" before it. */
bool tn_hex_read(uint8_t *bytes, size_t count, const char *text);

#endif
