import { parseArgs } from 'node:util'
import { policyTable, readPolicy } from '@votestream/gateway/policy'

/** `npm run policy`: who may do what, as the routes and the schema go by it. `--json`, `--markdown`. */
try {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, markdown: { type: 'boolean' } } })
  const rows = await readPolicy()
  console.log(
    values.json
      ? JSON.stringify(rows, undefined, 2)
      : policyTable(rows, { markdown: values.markdown ?? false }),
  )
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
