/** ClickHouse's numbers of the exceptions that this server raises itself. */
export const exceptionCode = {
  NOT_IMPLEMENTED: 48,
  SYNTAX_ERROR: 62,
  UNKNOWN_FORMAT: 73,
  UNKNOWN_COMPRESSION_METHOD: 89,
  BAD_REQUEST_PARAMETER: 36,
  READONLY: 164,
  TOO_MANY_SIMULTANEOUS_QUERIES: 202,
  TOO_MANY_BYTES: 307,
  ZLIB_INFLATE_FAILED: 354,
  INTO_OUTFILE_NOT_ALLOWED: 358,
  QUERY_WAS_CANCELLED: 394,
  AUTHENTICATION_FAILED: 516,
  STD_EXCEPTION: 1001,
} as const

/** An error as ClickHouse reports it: a number, a name, a sentence. */
export class QueryException extends Error {
  readonly exceptionCode: number
  readonly httpStatus: number
  constructor(code: number, message: string, options: { cause?: unknown; httpStatus?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'QueryException'
    this.exceptionCode = code
    this.httpStatus = options.httpStatus ?? httpStatusOf(code)
  }
}

/** Writes the sentence that ClickHouse writes. */
export function refusal(
  name: keyof typeof exceptionCode,
  sentence: string,
  httpStatus?: number,
): QueryException {
  const code = exceptionCode[name]
  const label = name === 'BAD_REQUEST_PARAMETER' ? 'BAD_ARGUMENTS' : name
  const message = `Code: ${code}. DB::Exception: ${sentence} (${label})`
  return new QueryException(code, message, httpStatus === undefined ? {} : { httpStatus })
}

// The table of ClickHouse's own server (HTTP interface, exceptionCodeToHTTPStatus).
const unauthorized = [194]
const forbidden = [192, 193, 516, 512]
const badRequest = [
  6, 26, 27, 31, 32, 33, 34, 35, 36, 38, 41, 42, 43, 44, 47, 50, 53, 62, 69, 70, 72, 73, 82, 115, 117, 120,
  125, 130, 131, 190, 377, 381, 386, 436, 441, 456, 457, 548, 549, 604, 699,
]
const notFound = [46, 60, 63, 80, 81, 283]
const statuses = new Map<number, number>([
  ...unauthorized.map((code) => [code, 401] as const),
  ...forbidden.map((code) => [code, 403] as const),
  ...badRequest.map((code) => [code, 400] as const),
  ...notFound.map((code) => [code, 404] as const),
  [304, 413],
  [381, 411],
  [354, 400],
  [48, 501],
  [89, 400],
  [159, 408],
  [202, 503],
  [252, 503],
  [307, 413],
])

/** The HTTP status for an exception's number; 500 for every number that is not in the table. */
export function httpStatusOf(code: number): number {
  return statuses.get(code) ?? 500
}
