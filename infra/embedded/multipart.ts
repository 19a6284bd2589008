import { refusal } from './exception-status.js'
import { addNamed, type QueryRequest } from './query-request.js'

/** Reads a form: its part `query` is returned, its `param_*` parts join the request's parameters. */
export function addMultipart(body: Buffer, boundary: string, request: QueryRequest): Buffer {
  let query = Buffer.alloc(0)
  const delimiter = `--${boundary}`
  let at = body.indexOf(delimiter)
  while (at !== -1) {
    const start = at + delimiter.length
    const end = body.indexOf(`\r\n${delimiter}`, start)
    if (end === -1) break
    const blank = body.indexOf('\r\n\r\n', start)
    const name =
      blank === -1 ? undefined : /name="([^"]*)"/.exec(body.subarray(start, blank).toString('utf8'))?.[1]
    const value = body.subarray(blank + 4, Math.max(blank + 4, end))
    if (name === 'query') query = Buffer.from(value)
    else if (name?.startsWith('param_'))
      addNamed(name, value.toString('utf8'), request.settings, request.parameters)
    else throw refusal('NOT_IMPLEMENTED', 'External tables are not available in the embedded server.')
    at = end + 2
  }
  return query
}
