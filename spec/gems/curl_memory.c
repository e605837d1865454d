/* Memory for libcurl, with an account of the blocks it holds. A block that was freed is overwritten and never given out
   again: a second free is seen for certain. */

#define _GNU_SOURCE
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIVE = 0x4c495645, DEAD = 0x44454144 };

struct block {
  _Alignas(max_align_t) size_t size;
  _Atomic uint32_t state;
};

static atomic_long live, wrong;

static struct block *block_of(void *memory) { return (struct block *)memory - 1; }

void *curl_memory_malloc(size_t size) {
  struct block *block = malloc(sizeof *block + size);
  if (!block) return NULL;
  block->size = size;
  block->state = LIVE;
  live++;
  return block + 1;
}

void curl_memory_free(void *memory) {
  if (!memory) return;
  struct block *block = block_of(memory);
  uint32_t expected = LIVE;
  if (!atomic_compare_exchange_strong(&block->state, &expected, DEAD)) {
    wrong++;
    return;
  }
  memset(memory, 0xdf, block->size);
  live--;
}

void *curl_memory_calloc(size_t count, size_t size) {
  void *memory = curl_memory_malloc(count * size);
  return memory ? memset(memory, 0, count * size) : NULL;
}

void *curl_memory_realloc(void *memory, size_t size) {
  void *moved = curl_memory_malloc(size);
  if (!moved || !memory) return moved;
  size_t old = block_of(memory)->size;
  memcpy(moved, memory, old < size ? old : size);
  curl_memory_free(memory);
  return moved;
}

char *curl_memory_strdup(const char *text) {
  size_t size = strlen(text) + 1;
  void *copy = curl_memory_malloc(size);
  return copy ? memcpy(copy, text, size) : NULL;
}

long curl_memory_live(void) { return live; }

/* After the last finalizer, and after all of Ruby. */
__attribute__((destructor)) static void complain(void) {
  if (live || wrong) fprintf(stderr, "libcurl has %ld blocks left and freed %ld twice\n", live, wrong);
}
