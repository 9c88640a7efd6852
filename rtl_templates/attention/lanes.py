"""The lanes of an array's columns: from scores to results, without a memory of scores."""

__all__ = []

# Ports and timing (all events are those of column 0; column p has each of them p cycles later):
#
# Lanes(shape: LaneShape, tasks: sequence of LaneTask)
#   task          In     index of the task, stable
#   start         In(1)  pulse before the first score of a task: the walks over queries begin anew
#   seen_before   In     tokens in the cache before this tensor (tasks with a cache), stable
#
#   score         In(1)  pulse: `s` of column 0 carries S of key tile-1 in this cycle, of key 0
#                        tile-1 cycles later (one key per cycle, falling)
#   score_first   In(1)  with `score`: the tile is the first of its query block
#   score_key     In     with `score`: index of the tile's key 0
#   key_on        In(1)  beside `s` of column 0: the key counts (padding mask; 1 if there is none)
#   s             In(C * s_bits)     column p at bits [p * s_bits, ...), signed
#
#   reload        In(1)  pulse: P of key tile-1 is on `p` of column 0 RELOAD cycles later, then one
#                        key per cycle, falling, down to key 0.  (Key tile-1 enters the upward
#                        chain first, and so lands in row 0: key m lands in row tile-1-m.)
#                        Legal from score + tile - 1 + SCORE on, at the latest at the next tile's
#                        score + SCORE - 1, and tile cycles or more after the reload before.
#   p             Out(C * 8)
#
#   merge         In(1)  pulse: MERGE cycles later `psum` of column 0 carries feature 0, then one
#                        feature per cycle.  Legal from reload + RELOAD + tile on; the next reload
#                        comes after merge; two merges are features + 1 or more cycles apart.
#   merge_first   In(1)  with `merge`: first tile of the query block (what was before is forgotten)
#   merge_last    In(1)  with `merge`: last tile of the query block (its results leave)
#   psum          In(C * psum_bits)  signed
#
#   beat_valid    Out(1) a beat of `lanes` results
#   beat          Out(lanes * out_bits)
#   index         Out    element of the output tensor of the beat's first result
#   masked        Out(1) with `beat_valid`: the row's query sees no key
#   saturated     Out    y that were clamped in this cycle, over all columns
#   busy          Out(1) results are still to leave
#
# SCORE = 4, RELOAD = 3, MERGE = 3 (class constants of Lanes).  `interval(task)` cycles at least lie
# between two `merge & merge_last` pulses; the last beat of a query block leaves `latency(task)`
# cycles after its `merge & merge_last`.  Both are static; nothing here stalls.
#
# Tiles of one query block are visited in any order and may be left out (all masked); query blocks
# come in order: per key head, entries C at a time.  Columns beyond the last entry see no key.
