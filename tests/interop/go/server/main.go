// The Dispatch service as its platform writes services: handlers behind interceptors, courier data behind an
// interface, errors by status with details, health, keepalive enforcement, a graceful stop. What it saw of each call
// goes to stdout, a JSON object a line, after the ready line.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	pb "dispatchpb"

	"github.com/golang/protobuf/ptypes"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const serviceName = "dispatchpb.DispatchGateway"

// courierStore is where couriers come from.
type courierStore interface {
	find(ctx context.Context, id string) (*pb.CourierStatusReply, error)
}

type fleet map[string]*pb.CourierStatusReply

func newFleet(size int) fleet {
	couriers := fleet{}
	for i := 1; i <= size; i++ {
		id := fmt.Sprintf("courier-%d", i)
		couriers[id] = &pb.CourierStatusReply{
			CourierId: id, TransportMode: "bike", Availability: "available", CurrentZone: fmt.Sprintf("zone-%d", i%50),
		}
	}
	return couriers
}

// What a test asks for by the id, in place of a fleet that has it.
func (f fleet) find(ctx context.Context, id string) (*pb.CourierStatusReply, error) {
	switch {
	case id == "slow":
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	case id == "forbidden":
		return nil, status.Error(codes.PermissionDenied, "not your courier: \u00e4\u2713 100%")
	case id == "busy":
		withDetails, err := status.New(codes.ResourceExhausted, "too many lookups").WithDetails(
			&errdetails.RetryInfo{RetryDelay: ptypes.DurationProto(2 * time.Second)})
		if err != nil {
			return nil, err
		}
		return nil, withDetails.Err()
	case strings.HasPrefix(id, "large-"):
		return &pb.CourierStatusReply{CourierId: id, CurrentZone: strings.Repeat("z", 1<<20)}, nil
	}
	courier, found := f[id]
	if !found {
		return nil, status.Errorf(codes.NotFound, "courier %s not found", id)
	}
	return courier, nil
}

type gateway struct {
	pb.UnimplementedDispatchGatewayServer
	store courierStore

	mutex   sync.Mutex
	decided map[string]bool
	// How many of the next calls fail with UNAVAILABLE.
	flaky int
	// After how many updates the next stream breaks; 0: it does not.
	breakAfter int
}

func (g *gateway) fails() bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.flaky == 0 {
		return false
	}
	g.flaky--
	return true
}

func (g *gateway) GetCourierStatus(ctx context.Context, request *pb.CourierLookupRequest) (*pb.CourierStatusReply, error) {
	if request.CourierId == "" {
		return nil, status.Error(codes.InvalidArgument, "courier_id is empty")
	}
	if g.fails() {
		return nil, status.Error(codes.Unavailable, "starting up")
	}
	return g.store.find(ctx, request.CourierId)
}

// A decision once taken stays, and is taken once.
func (g *gateway) review(ctx context.Context, update *pb.AssignmentUpdate) bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if decision, seen := g.decided[update.AssignmentId]; seen {
		return decision
	}
	courier, err := g.store.find(ctx, update.CourierId)
	decision := err == nil && courier.Availability == "available"
	g.decided[update.AssignmentId] = decision
	return decision
}

func (g *gateway) takeBreak() int {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	after := g.breakAfter
	g.breakAfter = 0
	return after
}

func (g *gateway) StreamAssignments(stream pb.DispatchGateway_StreamAssignmentsServer) error {
	breakAfter := g.takeBreak()
	for count := 1; ; count++ {
		update, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		result := &pb.AssignmentResult{AssignmentId: update.AssignmentId, Accepted: g.review(stream.Context(), update)}
		// Reviewed and not told: what a client must send again.
		if count == breakAfter {
			return status.Error(codes.Unavailable, "moving elsewhere")
		}
		if err := stream.Send(result); err != nil {
			return err
		}
	}
}

// What a call looked like from here.
type seen struct {
	Event      string              `json:"event"`
	Method     string              `json:"method"`
	Code       string              `json:"code"`
	Metadata   map[string][]string `json:"metadata"`
	TimeLeftMs int64               `json:"time_left_ms"`
	Cause      string              `json:"cause"`
}

type recorder struct {
	mutex  sync.Mutex
	output *json.Encoder
}

func (r *recorder) write(entry seen) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if err := r.output.Encode(entry); err != nil {
		log.Print(err)
	}
}

func (r *recorder) record(ctx context.Context, method string, left time.Duration, err error) {
	incoming, _ := metadata.FromIncomingContext(ctx)
	entry := seen{Event: "call", Method: method, Code: status.Code(err).String(), Metadata: incoming,
		TimeLeftMs: left.Milliseconds()}
	if ctx.Err() != nil {
		entry.Cause = ctx.Err().Error()
	}
	r.write(entry)
}

func timeLeft(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return -1 * time.Millisecond
}

func (r *recorder) unary(ctx context.Context, request interface{}, info *grpc.UnaryServerInfo,
	handler grpc.UnaryHandler) (interface{}, error) {
	left := timeLeft(ctx)
	r.write(seen{Event: "started", Method: info.FullMethod})
	if err := grpc.SetHeader(ctx, metadata.Pairs("x-served-by", "go")); err != nil {
		return nil, err
	}
	if err := grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "after", "x-trace-bin", "\x00\xff")); err != nil {
		return nil, err
	}
	reply, err := handler(ctx, request)
	r.record(ctx, info.FullMethod, left, err)
	return reply, err
}

func (r *recorder) stream(server interface{}, stream grpc.ServerStream, info *grpc.StreamServerInfo,
	handler grpc.StreamHandler) error {
	left := timeLeft(stream.Context())
	r.write(seen{Event: "started", Method: info.FullMethod})
	stream.SetTrailer(metadata.Pairs("x-trailer", "after"))
	err := handler(server, stream)
	r.record(stream.Context(), info.FullMethod, left, err)
	return err
}

// A panic ends its call, not the service.
func recovered(ctx context.Context, request interface{}, info *grpc.UnaryServerInfo,
	handler grpc.UnaryHandler) (reply interface{}, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = status.Errorf(codes.Internal, "panic: %v", cause)
		}
	}()
	return handler(ctx, request)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	certificate := flag.String("cert", "", "certificate, PEM; empty: plaintext")
	key := flag.String("key", "", "its key, PEM")
	flaky := flag.Int("flaky", 0, "how many lookups fail first")
	breakAfter := flag.Int("break-after", 0, "after how many updates the first stream breaks")
	notServing := flag.Bool("not-serving", false, "what health checks are told")
	flag.Parse()

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	calls := &recorder{output: json.NewEncoder(os.Stdout)}
	options := []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(calls.unary, recovered),
		grpc.ChainStreamInterceptor(calls.stream),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.MaxConcurrentStreams(250),
	}
	if *certificate != "" {
		tls, err := credentials.NewServerTLSFromFile(*certificate, *key)
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(tls))
	}
	server := grpc.NewServer(options...)
	pb.RegisterDispatchGatewayServer(server, &gateway{
		store: newFleet(1000), decided: map[string]bool{}, flaky: *flaky, breakAfter: *breakAfter})
	checks := health.NewServer()
	serving := healthpb.HealthCheckResponse_SERVING
	if *notServing {
		serving = healthpb.HealthCheckResponse_NOT_SERVING
	}
	checks.SetServingStatus(serviceName, serving)
	healthpb.RegisterHealthServer(server, checks)

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		checks.Shutdown()
		server.GracefulStop()
	}()
	fmt.Printf("{\"event\":\"ready\",\"listen\":[%q],\"pid\":%d}\n", listener.Addr(), os.Getpid())
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
