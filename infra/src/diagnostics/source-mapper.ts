import { findSourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'

/**
 * So that functions in a profile stand where they were written. Of the source maps only those are read that are needed, when
 * a profile is made, by what Node knows of them with `--enable-source-maps`; the library would read all that there are, which
 * takes a busy process many seconds. A function without one stands where it was compiled to.
 */
export const createSourceMapper = async () => {
  const { SourceMapper } = await import('@datadog/pprof')
  const mapper = new SourceMapper()
  mapper.mappingInfo = (location) => {
    const { file, line, column } = location
    // Here both count from 0 on, and in profiles from 1.
    const origin = findSourceMap(file)?.findEntry(line - 1, Math.max(0, column - 1))
    if (!origin || !('originalSource' in origin)) return location
    const { originalSource, originalLine } = origin
    const written = originalSource.startsWith('file:') ? fileURLToPath(originalSource) : originalSource
    return { ...location, file: written, line: originalLine + 1 }
  }
  return mapper
}
