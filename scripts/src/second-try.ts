/** How a run of test files went. */
export interface TestOutcome {
  readonly passed: number
  readonly failed: number
  readonly failedFiles: readonly string[]
  /** In which a test failed at first, and none when they were run again. */
  readonly unsteadyFiles?: readonly string[]
}

/** Undefined: it ended without a result. */
export type RunTests = (files: readonly string[]) => Promise<TestOutcome | undefined>

/** More files than this do not fail by accident. */
const UNSTEADY_FILES_MAX = 3

/**
 * Files in which a test failed are run once more, alone, when all others are done: on a machine that has something else
 * to do a deadline passes now and then. A file that passes only then is unsteady, and whoever runs it is told.
 */
export const withSecondTry = async (
  run: RunTests,
  files: readonly string[],
): Promise<TestOutcome | undefined> => {
  const first = await run(files)
  if (!first) return undefined
  const { failedFiles } = first
  const isAccident = failedFiles.length > 0 && failedFiles.length <= UNSTEADY_FILES_MAX
  if (!isAccident) return { ...first, unsteadyFiles: [] }
  const again = await run(failedFiles)
  if (!again) return undefined
  const unsteadyFiles = failedFiles.filter((file) => !again.failedFiles.includes(file))
  const passed = first.passed + Math.max(0, first.failed - again.failed)
  return { ...again, passed, unsteadyFiles }
}
