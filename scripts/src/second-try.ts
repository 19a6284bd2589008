/** How a run of test files went. */
export interface TestOutcome {
  readonly passed: number
  readonly failed: number
  readonly failedFiles: readonly string[]
}

/** More files than this do not fail by accident. */
const UNSTEADY_FILES_MAX = 5

/**
 * Files in which a test failed are run once more, alone, when all others are done: on a machine that has something else
 * to do a deadline passes now and then. A file that passes only then is unsteady, and whoever runs it is told.
 */
export const withSecondTry = async (
  first: TestOutcome,
  runAlone: (files: readonly string[]) => Promise<TestOutcome>,
): Promise<TestOutcome & { readonly unsteadyFiles: readonly string[] }> => {
  const { failedFiles } = first
  if (failedFiles.length === 0 || failedFiles.length > UNSTEADY_FILES_MAX) {
    return { ...first, unsteadyFiles: [] }
  }
  const again = await runAlone(failedFiles)
  const unsteadyFiles = failedFiles.filter((file) => !again.failedFiles.includes(file))
  const passed = first.passed + Math.max(0, first.failed - again.failed)
  return { ...again, passed, unsteadyFiles }
}
