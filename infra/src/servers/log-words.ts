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

const ERROR_LEVEL = 50

/** What a line of a log says; a service's JSON line with the message of its error. */
export function readLine(line: string): LogLine {
  const record = line.startsWith('{') ? parseRecord(line) : undefined
  if (record === undefined) return { words: line, isRecord: false, isError: false }
  const { level, msg, err } = record
  const isError = typeof level === 'number' ? level >= ERROR_LEVEL : level === 'error' || level === 'fatal'
  const cause = typeof err === 'object' && err !== null && 'message' in err ? err.message : undefined
  return { words: typeof cause === 'string' ? `${msg}: ${cause}` : msg, isRecord: true, isError }
}

function parseRecord(line: string): { level: unknown; msg: string; err: unknown } | undefined {
  try {
    const record: unknown = JSON.parse(line)
    if (typeof record !== 'object' || record === null || !('level' in record) || !('msg' in record)) {
      return undefined
    }
    const { level, msg } = record
    return typeof msg === 'string' ? { level, msg, err: 'err' in record ? record.err : undefined } : undefined
  } catch {
    return undefined
  }
}
