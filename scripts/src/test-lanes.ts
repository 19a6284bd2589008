import type { TestOutcome } from './second-try.js'

/** Files that run in one process. */
export type TestGroup = readonly string[]

/** What is run beside other things, and what alone: a test that measures wants the machine for itself. */
export interface TestPlan {
  readonly together: readonly TestGroup[]
  readonly alone: readonly TestGroup[]
}

const UNIT = /\/test\/unit\//
const MEASURING =
  /\/test\/integration\/(bench[^/]*|load|chaos|shared-limits|rolling-restart|alert-delivery)\.test\.[jt]s$/

/**
 * Unit tests share one process: starting one takes longer than most of them. Every other file has its own, so that what
 * one leaves behind disturbs no other. The files stay in their order.
 */
export const planTests = (files: readonly string[]): TestPlan => {
  const unit = files.filter((file) => UNIT.test(file))
  const others = files.filter((file) => !UNIT.test(file))
  const each = (these: readonly string[]): TestGroup[] => these.map((file) => [file])
  return {
    together: [...(unit.length > 0 ? [unit] : []), ...each(others.filter((file) => !MEASURING.test(file)))],
    alone: each(others.filter((file) => MEASURING.test(file))),
  }
}

/** Undefined: it ended without a result, by a crash or a file that cannot be loaded. */
export type RunGroup = (group: TestGroup) => Promise<TestOutcome | undefined>

/** Runs as many groups at once as there are lanes. */
export const runInLanes = async (
  groups: readonly TestGroup[],
  lanes: number,
  run: RunGroup,
): Promise<TestOutcome> => {
  const waiting = [...groups]
  const outcomes: TestOutcome[] = []
  const lane = async (): Promise<void> => {
    for (let group = waiting.shift(); group; group = waiting.shift()) {
      outcomes.push((await run(group)) ?? { passed: 0, failed: 1, failedFiles: group })
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return outcomes.reduce(added, { passed: 0, failed: 0, failedFiles: [] })
}

export const added = (one: TestOutcome, other: TestOutcome): TestOutcome => ({
  passed: one.passed + other.passed,
  failed: one.failed + other.failed,
  failedFiles: [...one.failedFiles, ...other.failedFiles],
})
