/**
 * A board tells how many votes a contestant has, not which. So that a viewer can tell when a certain vote is on it,
 * contestants mark the time: all votes of one slot are for the same contestant, those of the next slot for the next
 * one. Within a slot the votes are told apart by their number alone, as if they arrived in the order in which they were
 * sent; so one that was overtaken is taken for another one of its slot, and the error is shorter than a slot. It is so
 * while nothing is later than a whole cycle.
 */
export const CYCLE_MS = 2_000

/** How long all votes are for the same contestant, milliseconds. */
export const slotMs = (contestants: number): number => CYCLE_MS / contestants

/** Whom a vote is for. @param atMs its intended time, after the start */
export const contestantOf = (atMs: number, contestants: number): number =>
  Math.floor(atMs / slotMs(contestants)) % contestants
