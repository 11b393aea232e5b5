// The console's page begins here.

import '../player.ts';
import './shell.ts';
