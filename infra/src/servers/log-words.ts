/**
 * A log's text as a person reads it: of the services' JSON lines what their errors say, and where there is no
 * error what they say at all; other lines as they stand.
 */
export function inWords(text: string): string {
  const lines = text.split('\n').map(readLine)
  const hasError = lines.some((line) => line.isError)
  return lines.flatMap((line) => (line.isRecord && hasError && !line.isError ? [] : line.words)).join('\n')
}

interface LogLine {
  readonly words: string
  readonly isRecord: boolean
  readonly isError: boolean
}

/** What a line of a log says; a service's JSON line with the message of its error. */
export function readLine(line: string): LogLine {
  const record = line.startsWith('{') ? parseRecord(line) : undefined
  if (record === undefined) return { words: line, isRecord: false, isError: false }
  const { level, message, error } = record
  const isError = level === 'error' || level === 'fatal'
  const cause = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined
  return { words: typeof cause === 'string' ? `${message}: ${cause}` : message, isRecord: true, isError }
}

function parseRecord(line: string): { level: unknown; message: string; error: unknown } | undefined {
  try {
    const record: unknown = JSON.parse(line)
    if (typeof record !== 'object' || record === null || !('log.level' in record) || !('message' in record)) {
      return undefined
    }
    const { 'log.level': level, message } = record
    if (typeof message !== 'string') return undefined
    return { level, message, error: 'error' in record ? record.error : undefined }
  } catch {
    return undefined
  }
}
