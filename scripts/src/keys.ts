import { randomBytes } from 'node:crypto'
import { keyId } from '@votestream/gateway/tokens'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { readEnvironment } from './environment.js'
import { exchanged, exchangeFault, retired } from './keys/key-exchange.js'
import { readSecrets, type Secrets, writeSecrets } from './secrets.js'

/** `npm run keys -- list | rotate | retire`: the keys that tokens are signed with. See USAGE. */

const USAGE = `npm run keys -- list      the keys of tokens, by their ids
npm run keys -- rotate    makes a new one: it signs, and the one before only verifies from now on
npm run keys -- retire    ends the one before: its tokens are refused

Running gateways follow within seconds. --yes: though tokens that are still valid are refused then.`

const list = ({ jwtSecret, otherJwtSecret, jwtExchangedAtMs }: Secrets): string => {
  const since = jwtExchangedAtMs === undefined ? '' : `, since ${new Date(jwtExchangedAtMs).toISOString()}`
  const lines = [`${keyId(jwtSecret)}  signs and verifies${since}`]
  if (otherJwtSecret !== undefined) lines.push(`${keyId(otherJwtSecret)}  verifies`)
  return lines.join('\n')
}

const run = async (command: string | undefined, isSure: boolean): Promise<string> => {
  const environment = readEnvironment(repositoryRoot())
  if (environment.JWT_SECRET !== undefined) {
    throw new Error(
      'JWT_SECRET comes from the environment. Exchange it there, restarting the gateways one by one each time: ' +
        'set JWT_SECRET_OTHER to the new secret, then JWT_SECRET to the new and JWT_SECRET_OTHER to the old one, ' +
        'and remove JWT_SECRET_OTHER when the tokens of the old one have expired.',
    )
  }
  const { DATA_DIR: dataDir } = environment
  const secrets = await readSecrets(dataDir)
  if (!secrets) throw new Error(`There are no keys in ${dataDir}: start Votestream once first.`)
  const nowMs = Date.now()
  const fault = exchangeFault(command, secrets, nowMs)
  if (fault !== undefined && !isSure) throw new Error(`${fault} Say --yes if that is meant.`)
  switch (command) {
    case 'list':
      return list(secrets)
    case 'rotate': {
      const made = exchanged(secrets, randomBytes(32).toString('base64url'), nowMs)
      await writeSecrets(dataDir, made)
      return list(made)
    }
    case 'retire': {
      const left = retired(secrets)
      await writeSecrets(dataDir, left)
      return list(left)
    }
    default:
      throw new Error(USAGE)
  }
}

const args = process.argv.slice(2)
const unknown = args.filter((arg) => !['list', 'rotate', 'retire', '--yes', '--help'].includes(arg))
if (args.includes('--help')) console.log(USAGE)
else {
  const [command] = args.filter((arg) => !arg.startsWith('--'))
  try {
    if (unknown.length > 0) throw new Error(`${unknown.join(' ')}: there is no such command.\n\n${USAGE}`)
    console.log(await run(command, args.includes('--yes')))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 2
  }
}
