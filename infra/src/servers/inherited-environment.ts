/** An environment to hand on to somebody whose business the secrets in it are not: what it needs of them is added. */
export const withoutSecrets = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !/_(SECRET|PASSWORD|TOKEN)$/.test(name)))
