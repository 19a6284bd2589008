import { parseArgs } from 'node:util'

/** `npm run policy`: who may do what, as the routes and the schema go by it. Exit status 2: it was asked otherwise. */

const USAGE = 'npm run policy [-- --json | --markdown]'

const read = () => {
  try {
    return parseArgs({ options: { json: { type: 'boolean' }, markdown: { type: 'boolean' } } }).values
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

const { json, markdown = false } = read()
try {
  // What it was asked is looked at before everything that a gateway consists of is loaded.
  const { policyTable, readPolicy } = await import('@votestream/gateway/policy')
  const rows = await readPolicy()
  console.log(json ? JSON.stringify(rows, undefined, 2) : policyTable(rows, { markdown }))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
