/**
 * Milliseconds of the machine's monotonic clock, with fractions: the same in every process of one machine, so that
 * what one process did can be compared with what another one saw.
 */
export const monotonicMs = (): number => performance.now() + offsetMs

const offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()
