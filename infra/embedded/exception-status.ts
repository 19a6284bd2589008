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

// The table of ClickHouse's own server (exceptionCodeToHTTPStatus), by the exceptions' numbers.
const codesOfStatus: [number, number[]][] = [
  [
    400,
    [
      6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675,
      676,
    ],
  ],
  [401, [194]],
  [403, [192, 193, 497, 512, 516]],
  [404, [46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511]],
  [408, [159]],
  [411, [381]],
  [413, [229]],
  [501, [48]],
  [503, [76, 209, 439]],
]
const statuses = new Map(
  codesOfStatus.flatMap(([status, codes]) => codes.map((code) => [code, status] as const)),
)

// Faults of a request that this server finds itself, where a client or a proxy acts on the status.
for (const [code, status] of [
  [exceptionCode.TOO_MANY_SIMULTANEOUS_QUERIES, 503],
  [exceptionCode.TOO_MANY_BYTES, 413],
  [exceptionCode.ZLIB_INFLATE_FAILED, 400],
  [exceptionCode.UNKNOWN_COMPRESSION_METHOD, 400],
] as const) {
  statuses.set(code, status)
}

/** The HTTP status for an exception's number; 500 for every number that is not in the table. */
export function httpStatusOf(code: number): number {
  return statuses.get(code) ?? 500
}
