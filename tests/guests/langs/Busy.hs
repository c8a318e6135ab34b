{-# LANGUAGE ScopedTypeVariables #-}
-- GHC: compiled and interpreted, the threaded runtime, MVars, exceptions, Integer, garbage collection, laziness.
module Main (main) where
import Control.Concurrent
import Control.Exception
import Control.Monad
import Data.Bits
import Data.IORef
import qualified Data.Map.Strict as M
import System.IO.Unsafe (unsafePerformIO)
import System.Mem
import System.Process
import System.Timeout
import Text.Printf

primes :: [Int]
primes = sieve [2 ..] where sieve (p : xs) = p : sieve [x | x <- xs, x `mod` p /= 0]
                            sieve [] = []

main :: IO ()
main = do
  print (takeWhile (< 400) primes)
  print (product [1 .. 200 :: Integer] `mod` (10 ^ (40 :: Int) + 7))
  print (M.foldlWithKey' (\a k v -> a `xor` (k * v)) 0 (M.fromListWith (+) [(i * 7919 `mod` 1009, i) | i <- [1 .. 20000 :: Int]]))
  box <- newMVar (0 :: Int)
  done <- newEmptyMVar
  forM_ [1 .. 50 :: Int] $ \i -> forkIO $ do
    forM_ [1 .. 100 :: Int] $ \j -> modifyMVar_ box (\x -> return $! x + i * j)
    putMVar done ()
  replicateM_ 50 (takeMVar done)
  readMVar box >>= print
  r <- try (evaluate (1 `div` (0 :: Int)))
  print (either (\(e :: ArithException) -> show e) show r)
  r2 <- try (evaluate (head ([] :: [Int]) `seq` ()))
  putStrLn (either (\(_ :: SomeException) -> "empty") show r2)
  r3 <- try (newEmptyMVar >>= \m -> takeMVar (m :: MVar ()))
  print (either (\(e :: BlockedIndefinitelyOnMVar) -> show e) show r3)
  t <- timeout 50000 (forever yield)
  print (t :: Maybe ())
  t2 <- forkIO (threadDelay 10000000 `catch` \(e :: AsyncException) -> putStrLn ("killed: " ++ show e) >> putMVar done ())
  threadDelay 5000 >> killThread t2 >> takeMVar done
  ref <- newIORef (M.empty :: M.Map Int [Double])
  forM_ [1 .. 40000] $ \i -> modifyIORef' ref (M.insert (i `mod` 700) [fromIntegral i, sqrt (fromIntegral i)])
  performMajorGC
  readIORef ref >>= printf "%.6f\n" . sum . map sum . M.elems
  printf "%d %s\n" (popCount (0xdeadbeef :: Int)) (show (fromIntegral (maxBound :: Int) + 1 :: Integer))
  out <- readProcess "sh" ["-c", "cat; echo end"] "input\n"
  putStr out
