// heroku_builds.js APP COMMAND [FLAGS-JSON]: a command of the plugin heroku-builds, run as its library would for the heroku program, which
// since its version 11 takes no plugins of that kind any more. HEROKU_HOST and HEROKU_API_KEY as ever.
const [, , app, name, flags = '{}'] = process.argv
const command = require('heroku-builds').commands.find(each => (each.command || '') === name)
command.run({
  app, flags: JSON.parse(flags), args: {}, auth: {password: process.env.HEROKU_API_KEY},
  apiUrl: process.env.HEROKU_HOST, apiHost: 'localhost', supportsColor: false
})
