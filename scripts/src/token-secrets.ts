import type { Environment } from './environment.js'
import { checkIdSecret, readSecrets } from './secrets.js'

/** What tokens are signed with, and identifiers are made with. */
export interface TokenSecrets {
  readonly jwtSecret: string
  readonly idSecret: string
}

/**
 * Those that the environment names go before those of the data folder. Read again, they follow an exchange of keys.
 * @throws Error with a sentence for a person.
 */
export const tokenSecrets = async (environment: Environment): Promise<TokenSecrets> => {
  const { DATA_DIR: dataDir, JWT_SECRET: jwtSecret, ID_SECRET: idSecret } = environment
  const kept = await readSecrets(dataDir)
  if (kept && idSecret !== undefined) checkIdSecret(kept, idSecret)
  const secrets = { jwtSecret: jwtSecret ?? kept?.jwtSecret, idSecret: idSecret ?? kept?.idSecret }
  if (secrets.jwtSecret === undefined || secrets.idSecret === undefined) {
    throw new Error(
      `There are no secrets in ${dataDir}: start Votestream once first, or set JWT_SECRET and ID_SECRET.`,
    )
  }
  return { jwtSecret: secrets.jwtSecret, idSecret: secrets.idSecret }
}
